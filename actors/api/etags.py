"""ETags: which version of a thing somebody has, or means to change."""

import re

from actors.api.problems import Kind, Problem

_TAG = re.compile(r'"(\d{1,18})"')


def etag(revision: int) -> str:
    """Return the tag of a revision.

    >>> etag(3)
    '"3"'
    """
    return f'"{revision}"'


def meant(if_match: str) -> int | None:
    """Return the revision that a change is based on; None: whatever there is (`*`).

    Raises:
        Problem: it is no tag of this API.
    """
    if if_match == "*":
        return None
    if found := _TAG.fullmatch(if_match):
        return int(found[1])
    raise Problem(Kind.CHANGED, "If-Match is no tag of what is there")


def meant_if_said(if_match: str | None) -> int | None:
    """Return the revision that a change is based on, where that may be left open."""
    return None if if_match is None else meant(if_match)


def known(if_none_match: str | None, tag: str) -> bool:
    """Return whether somebody who asks has this version already.

    >>> known('W/"2", "3"', '"3"'), known("*", '"3"'), known(None, '"3"')
    (True, True, False)
    """
    if if_none_match is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in tags or tag in tags
