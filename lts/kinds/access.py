"""Access to a venue on the web: what the plugins that have one are told about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from lts.kinds.plugin import Params
from lts.security.secret_file import read_secret
from lts.web.address import WebAddress
from lts.web.service import WebService

if TYPE_CHECKING:
    import httpx


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("the path of a secret is a whole path, from / or ~ on")
    return path


SecretPath = Annotated[Path, AfterValidator(_absolute)]
"""Of a file that holds a secret: the whole path."""


class AccessParams(Params):
    """Where the venue is and the access token lies, and how much may be asked."""

    url: WebAddress | None = Field(None, description="Of the REST API, if it is not the venue's own.")
    stream_url: WebAddress | None = Field(
        None, description="Of the streaming API, if it is not the venue's own."
    )
    token_file: SecretPath = Field(
        description="The file that holds the access token; nobody else may be able to read it."
    )
    request_timeout_s: float = Field(5.0, gt=0, le=60, description="How long a request may take.")
    requests_per_s: float = Field(
        50.0, ge=1, le=1000, description="How many may be made; a fifth is kept for what cannot wait."
    )
    heartbeat_timeout_s: float = Field(
        12.0, gt=0, le=600, description="For how long a stream may be silent before it counts as dead."
    )

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if (self.url is None) is not (self.stream_url is None):
            raise ValueError("url and stream_url go together; name both or neither")
        return self

    def addresses_or(self, usual: tuple[str, str]) -> tuple[str, str]:
        """Return where the REST API is and where the streams are, by default at the usual addresses."""
        return (self.url, self.stream_url) if self.url and self.stream_url else usual

    def service(self, url: str, transport: "httpx.AsyncBaseTransport | None" = None) -> WebService:
        """Return a service of the venue that is asked with the token, as it stands in the file now.

        Raises:
            Refused: there is no token, others could read it, or the libraries for the web are missing.
        """
        token = read_secret(self.token_file, "access token")
        return WebService(
            url,
            {"Authorization": f"Bearer {token}"},
            timeout_s=self.request_timeout_s,
            requests_per_s=self.requests_per_s,
            transport=transport,
        )
