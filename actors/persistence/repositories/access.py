"""Logins, sessions, API keys and nonces."""

from base64 import b64decode

from sqlalchemy import delete

from actors.persistence.images import canonical
from actors.persistence.repositories.users import user_named
from actors.persistence.rows import (
    ApiKeyRow,
    LoginIdentityRow,
    LoginRow,
    NonceRow,
    SessionRow,
    SpentRefreshRow,
    UserRow,
)
from actors.persistence.unit import Unit
from actors.persistence.work import Impossible
from lts.domain.credentials import (
    SPENT,
    DropApiKeys,
    DropNonces,
    DropSessions,
    Login,
    MarkUse,
    NoteRefusals,
    PutApiKey,
    PutLogin,
    PutSession,
    SpendNonce,
)
from lts.domain.secret import Secret

PASSWORD, SECOND_FACTOR = b"logins.password", b"logins.second_factor"


async def put_login(unit: Unit, command: PutLogin) -> None:
    """Make a user known with a login, or give one who is known another."""
    login = command.login
    user = await user_named(unit, login.name)
    if user is None:
        user = UserRow(name=login.name, active=login.active, created_at=login.created_at)
        unit.session.add(user)
        await unit.session.flush()
    user.active = login.active
    row = await unit.session.get(LoginRow, user.id)
    if row is None:
        row = LoginRow(
            user_id=user.id,
            role=login.role.value,
            last_step=login.last_step,
            failures=login.failures,
            failed_at=login.failed_at,
            revision=login.revision,
        )
        unit.session.add(row)
    _write(unit, row, login)
    await _write_identity(unit, user.id, login)


async def put_session(unit: Unit, command: PutSession) -> None:
    """Begin a session, or go on with it."""
    session = command.stored.session
    row = await unit.session.get(SessionRow, session.id)
    if row is None:
        user = await _known(unit, session.user)
        row = SessionRow(
            id=session.id,
            user_id=user.id,
            refresh=command.stored.refresh,
            begun_at=session.begun_at,
            used_at=session.used_at,
            expires_at=session.expires_at,
            address=session.address,
            agent=session.agent,
        )
        unit.session.add(row)
    row.refresh, row.used_at = command.stored.refresh, session.used_at
    row.expires_at, row.address = session.expires_at, session.address
    if command.spent:
        await unit.session.flush()
        spent = SpentRefreshRow(refresh=command.spent.hex(), session_id=session.id, spent_at=unit.batch.at)
        unit.session.add(spent)


async def drop_sessions(unit: Unit, command: DropSessions) -> None:
    """End sessions."""
    for each in command.ids:
        if row := await unit.session.get(SessionRow, each):
            await unit.session.delete(row)


async def put_api_key(unit: Unit, command: PutApiKey) -> None:
    """Keep a new API key."""
    key = command.stored.key
    user = await _known(unit, key.user)
    unit.session.add(
        ApiKeyRow(
            id=key.id,
            user_id=user.id,
            label=key.label,
            secret=command.stored.secret,
            scopes=" ".join(sorted(key.scopes)),
            public_key=b64decode(key.public_key) if key.public_key else None,
            made_at=key.made_at,
            expires_at=key.expires_at,
            used_at=key.used_at,
        )
    )


async def drop_api_keys(unit: Unit, command: DropApiKeys) -> None:
    """Revoke API keys."""
    for each in command.ids:
        if row := await unit.session.get(ApiKeyRow, each):
            await unit.session.delete(row)


async def mark_use(unit: Unit, command: MarkUse) -> None:
    """Keep when sessions and API keys were used last."""
    for kind, used in ((SessionRow, command.sessions), (ApiKeyRow, command.keys)):
        for each, at in used.items():
            row: SessionRow | ApiKeyRow | None = await unit.session.get(kind, each)
            if row is not None:
                row.used_at = at


async def spend_nonce(unit: Unit, command: SpendNonce) -> None:
    """Spend a nonce, once."""
    nonce = command.nonce
    if await unit.session.get(NonceRow, (nonce.key_id, nonce.nonce)) is not None:
        raise Impossible(SPENT)
    unit.session.add(NonceRow(key_id=nonce.key_id, nonce=nonce.nonce, expires_at=nonce.expires_at))


async def drop_nonces(unit: Unit, command: DropNonces) -> None:
    """Forget the nonces that expired."""
    await unit.session.execute(delete(NonceRow).where(NonceRow.expires_at < command.before))


async def note_refusals(unit: Unit, command: NoteRefusals) -> None:
    """Note that credentials were refused; nothing is changed."""
    key = canonical([command.user] if command.user else []).decode()
    told = canonical({"refused": command.what, "count": command.count, "address": command.address}).decode()
    unit.batch.trail.note("note", "logins", key, None, told, unit.who, unit.cause)


async def _known(unit: Unit, name: str) -> UserRow:
    user = await user_named(unit, name)
    if user is None:
        raise Impossible(f"there is no user named {name!r}")
    return user


def _write(unit: Unit, row: LoginRow, login: Login) -> None:
    row.role, row.revision = login.role.value, login.revision
    row.last_step, row.failures, row.failed_at = login.last_step, login.failures, login.failed_at
    row.password = _sealed(unit, row.password, login.password, PASSWORD)
    row.second_factor = _sealed(unit, row.second_factor, login.second_factor, SECOND_FACTOR)


async def _write_identity(unit: Unit, user_id: int, login: Login) -> None:
    row = await unit.session.get(LoginIdentityRow, user_id)
    if not login.subject:
        if row is not None:
            await unit.session.delete(row)
    elif row is None:
        unit.session.add(LoginIdentityRow(user_id=user_id, issuer=login.issuer, subject=login.subject))
    else:
        row.issuer, row.subject = login.issuer, login.subject


def _sealed(unit: Unit, before: bytes | None, wanted: Secret, column: bytes) -> bytes | None:
    """Return a secret as it is stored: sealed anew only if it is another."""
    if not wanted:
        return None
    content = wanted.value.encode()
    if before is not None and unit.keys.open(before, column) == content:
        return before
    return unit.keys.seal(content, column)
