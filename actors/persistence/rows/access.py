"""Access: how users log in, their sessions and API keys, and what of these was spent."""

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED, Exempt
from actors.persistence.rows.checks import at_least, bytes_long, one_of
from actors.persistence.rows.row import Row
from lts.domain.permissions import Role

_SPENT = Exempt("it only keeps something from being taken twice; the session or the order is audited")


class LoginRow(Row, kw_only=True):
    """A user's `lts.domain.credentials.Login`; who is only named as an owner has none."""

    __tablename__ = "logins"
    __table_args__ = (
        one_of("role", Role),
        at_least("failures", 0),
        at_least("revision", 1),
        {"info": {"audit": AUDITED}},
    )

    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    """An INTEGER would be given by SQLite where it is missing."""
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, info={"sealed": True})
    second_factor: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, info={"sealed": True})
    last_step: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(Integer)
    failed_at: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(Integer)


class LoginIdentityRow(Row, kw_only=True):
    """Who a user is at a provider of identities; most are at none."""

    __tablename__ = "login_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), {"info": {"audit": AUDITED}})

    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))


class SessionRow(Row, kw_only=True):
    """A login that goes on."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("refresh"),
        bytes_long("refresh", 32),
        {"info": {"audit": AUDITED}},
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the refresh token that goes on with it."""
    begun_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))


class SpentRefreshRow(Row, kw_only=True):
    """A refresh token that was taken: whoever shows it again has stolen it, or was stolen from."""

    __tablename__ = "spent_refresh_tokens"
    __table_args__ = (bytes_long("refresh", 64), {"info": {"audit": _SPENT}})

    refresh: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256, in hexadecimal digits."""
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    spent_at: Mapped[int] = mapped_column(BigInteger)


class ApiKeyRow(Row, kw_only=True):
    """A machine's credential; revoking deletes it."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("secret"),
        bytes_long("secret", 32),
        bytes_long("public_key", 32),
        {"info": {"audit": AUDITED}},
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(String(64))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of it."""
    scopes: Mapped[str] = mapped_column(Text)
    """Permissions by name, joined by spaces."""
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """Of Ed25519, for signed requests."""
    made_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int] = mapped_column(BigInteger)


class NonceRow(Row, kw_only=True):
    """A nonce that a signed request has spent; it goes when no request of its time is taken any more."""

    __tablename__ = "nonces"
    __table_args__ = ({"info": {"audit": _SPENT}},)

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
