"""What an access token says."""

import msgspec


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of whom a token is, in which session, and from when until when (seconds since 1970)."""

    sub: str
    """The user."""
    sid: str
    """The session."""
    iat: int
    exp: int
    jti: str
    iss: str = ""
    aud: str = ""
