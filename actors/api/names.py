"""Names in paths: one segment each, whatever is in them; `BTC%2FUSD` is one name, and no way down."""

import re
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor

_KEPT = re.compile("%(2[fF]|25)")
"""What has a meaning of its own in a decoded path: a slash that is none, and the percent sign."""


class NameConvertor(Convertor[str]):
    """A segment of a path that is a name: `{portfolio:name}`."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the name that is meant."""
        return unquote(value) if "%" in value else value

    def to_string(self, value: str) -> str:
        """Return the name as it stands in a path."""
        return value.replace("%", "%25").replace("/", "%2F")


register_url_convertor("name", NameConvertor())


def path_of(raw: str) -> str:
    """Return a path decoded, but for the slashes that belong to names.

    >>> path_of("/a%20b/BTC%2FUSD")
    '/a b/BTC%2FUSD'
    """
    kept = _KEPT.sub(lambda found: f"%25{found[1]}", raw)
    return unquote(kept)
