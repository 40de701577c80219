"""Where market data comes from over MQTT, whose is taken, and what of it is believed."""

import re
from base64 import b64decode
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lts.sdk import Params, SecretPath, is_loopback

_TOPICS = re.compile(r"[^\x00-\x1f+#$/]+(/[^\x00-\x1f+#/]+)*")
_KEY_SIZE = 32


def _plain(topics: str) -> str:
    if not _TOPICS.fullmatch(topics):
        raise ValueError("name a topic without wildcards, such as lts/v1/other/market")
    return topics


def _public(key: str) -> str:
    try:
        size = len(b64decode(key, validate=True))
    except ValueError:
        size = 0
    if size != _KEY_SIZE:
        raise ValueError("a key is the 32 bytes of an Ed25519 public key, in base 64")
    return key


Source = Annotated[str, Field(min_length=1, max_length=64)]


class MqttFeedParams(Params):
    """Where the broker is, whose messages under which topics are taken, and what is not believed."""

    host: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$", description="Where the broker is.")
    port: int = Field(1883, ge=1, le=65535, description="Its port.")
    topics: Annotated[str, Field(max_length=256), AfterValidator(_plain)] = Field(
        description="What the topics begin with: behind it come the instrument and `quote`, `trade` or `bar`."
    )
    sources: tuple[Source, ...] = Field(
        min_length=1, max_length=64, description="Whose messages are taken, by the `node` that they name."
    )
    keys: dict[Source, Annotated[str, AfterValidator(_public)]] = Field(
        {}, description="The public keys of sources that sign: what they have not signed is not taken."
    )
    protocol: Literal["5", "3.1.1"] = Field("5", description="The version of MQTT.")
    user: str = Field("", max_length=256, description="Who we are to the broker.")
    password_file: SecretPath | None = Field(
        None, description="The file that holds the password; nobody else may be able to read it."
    )
    tls: bool = Field(default=False, description="Whether what passes is encrypted.")
    ca: str = Field(
        "", description="The file of who vouches for the broker; without it, whom the machine trusts."
    )
    max_age_s: float = Field(60.0, ge=0, description="How old something may be; 0: as old as it likes.")
    max_ahead_s: float = Field(2.0, ge=0, le=3600, description="How far ahead of our clock it may be.")
    max_jump_pct: float = Field(
        20.0, gt=0, le=1e6, description="How far a price may be off the last one before it is confirmed."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if unknown := self.keys.keys() - set(self.sources):
            raise ValueError(f"keys has {min(unknown)!r}, which is none of the sources")
        if self.password_file is not None and not self.user:
            raise ValueError("a password needs its user; give user as well")
        if self.password_file is not None and not self.tls and not is_loopback(f"mqtt://{self.host}"):
            raise ValueError(
                f"{self.host} is elsewhere, and the password can be read on the way; say tls = true"
            )
        return self
