"""Who may come in, as it is stored: in sessions that can only read."""

from base64 import b64encode
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence.page import table_of
from actors.persistence.repositories.access import PASSWORD, SECOND_FACTOR
from actors.persistence.rows import (
    ApiKeyRow,
    LoginIdentityRow,
    LoginRow,
    NonceRow,
    SessionRow,
    SpentRefreshRow,
    UserRow,
)
from lts.domain.credentials import AccessRecalled, Login, Nonce, StoredApiKey, StoredSession
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret
from lts.domain.users import ApiKey, Session
from lts.security.seal import SealingKeys

_USERS, _LOGINS, _SESSIONS = table_of(UserRow), table_of(LoginRow), table_of(SessionRow)
_IDENTITIES = table_of(LoginIdentityRow)
_SPENT, _KEYS, _NONCES = table_of(SpentRefreshRow), table_of(ApiKeyRow), table_of(NonceRow)


async def recall_access(engine: AsyncEngine, keys: SealingKeys) -> AccessRecalled:
    """Return every login, session, API key and spent token, oldest first."""
    async with engine.connect() as connection:
        spent = await connection.execute(select(_SPENT.c.refresh, _SPENT.c.session_id))
        nonces = await connection.execute(select(_NONCES).order_by(_NONCES.c.expires_at))
        return AccessRecalled(
            await _logins(connection, keys),
            await _sessions(connection),
            {bytes.fromhex(row.refresh): row.session_id for row in spent},
            await _api_keys(connection),
            tuple(Nonce(row.key_id, row.nonce, row.expires_at) for row in nonces),
        )


async def _logins(connection: AsyncConnection, keys: SealingKeys) -> tuple[Login, ...]:
    query = (
        select(
            _USERS.c.name,
            _USERS.c.active,
            _USERS.c.created_at,
            _LOGINS,
            _IDENTITIES.c.issuer,
            _IDENTITIES.c.subject,
        )
        .outerjoin_from(_USERS, _LOGINS, _LOGINS.c.user_id == _USERS.c.id)
        .outerjoin(_IDENTITIES, _IDENTITIES.c.user_id == _USERS.c.id)
        .order_by(_USERS.c.name)
    )
    return tuple(_login(row, keys) for row in await connection.execute(query))


def _login(row: Any, keys: SealingKeys) -> Login:
    if row.role is None:
        return Login(row.name, Role.TRADER, row.active, row.created_at, revision=0)
    return Login(
        row.name,
        Role(row.role),
        row.active,
        row.created_at,
        _opened(row.password, keys, PASSWORD),
        _opened(row.second_factor, keys, SECOND_FACTOR),
        row.last_step,
        row.failures,
        row.failed_at,
        row.revision,
        row.issuer or "",
        row.subject or "",
    )


def _opened(sealed: bytes | None, keys: SealingKeys, column: bytes) -> Secret:
    return Secret() if sealed is None else Secret(keys.open(sealed, column).decode())


async def _sessions(connection: AsyncConnection) -> tuple[StoredSession, ...]:
    query = select(_SESSIONS, _USERS.c.name.label("user")).join(_USERS, _USERS.c.id == _SESSIONS.c.user_id)
    return tuple(
        StoredSession(
            Session(row.id, row.user, row.begun_at, row.used_at, row.expires_at, row.address, row.agent),
            row.refresh,
        )
        for row in await connection.execute(query.order_by(_SESSIONS.c.begun_at, _SESSIONS.c.id))
    )


async def _api_keys(connection: AsyncConnection) -> tuple[StoredApiKey, ...]:
    query = select(_KEYS, _USERS.c.name.label("user")).join(_USERS, _USERS.c.id == _KEYS.c.user_id)
    return tuple(
        StoredApiKey(
            ApiKey(
                row.id,
                row.user,
                row.label,
                frozenset(map(Permission, row.scopes.split())),
                row.made_at,
                row.expires_at,
                row.used_at,
                b64encode(row.public_key).decode() if row.public_key else "",
            ),
            row.secret,
        )
        for row in await connection.execute(query.order_by(_KEYS.c.made_at, _KEYS.c.id))
    )
