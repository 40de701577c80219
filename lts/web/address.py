"""Where a service on the web is: an address to which a secret can be sent."""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def is_loopback(url: str) -> bool:
    """Whether a service is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _usable(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        raise ValueError("an address is written like https://api.example.com")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("only https keeps what is sent secret; http goes no further than this machine")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address is a host, and perhaps a port and a path; secrets do not belong in it")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_usable)]
"""The address of a service: https, or http on this machine."""
