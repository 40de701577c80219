"""The table of routes: each says what it needs of its caller, or it cannot be written down."""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

import msgspec

from actors.api.problems import Kind
from lts.domain.permissions import Permission

F = TypeVar("F", bound=Callable[..., Any])

ROOT = "/api/v1"


class Needs(Enum):
    """What is needed where it is no permission."""

    PUBLIC = "public"
    """Nothing: anybody may."""
    SELF = "self"
    """To be somebody: it is about the caller alone."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Who is let in to a route."""

    needs: Permission | Needs
    owned_by: str = ""
    """The parameter that says whose it is; what is others' is not there for who has not `others`."""
    nobodys: bool = False
    """Whether it is about what is nobody's in particular, so that `others` is needed too."""
    signed: bool = False
    """Whether an API key has to sign the request."""
    in_session: bool = False
    """Whether it takes a login: an API key may not."""
    enrols: bool = False
    """Whether it is open to who has yet to set up the second factor that is required of them."""
    strict: bool = False
    """Whether it takes a secret that could be guessed, so that an address may try it only now and then."""
    lenient: bool = False
    """Whether it passes over what else is in its query: somebody else has written that (RFC 6749, 4.1.2)."""
    urgent: bool = False
    """Whether it is served also while the system has too much to do."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A route."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    rule: Rule
    tag: str
    answers: Any
    """The view that it answers with; None: there is none."""
    status: int
    problems: tuple[Kind, ...]
    example: Any
    form: str
    headers: tuple[str, ...]
    """Of its answer, beside those that every answer has."""


class Table:
    """The routes of one noun."""

    def __init__(self, tag: str, about: str, root: str = ROOT) -> None:
        self.tag = tag
        self.about = about
        self.routes: list[Declared] = []
        self._root = root

    def get(self, path: str, rule: Rule, **more: Any) -> Callable[[F], F]:
        """Declare a read."""
        return self._declare("GET", path, rule, **more)

    def post(self, path: str, rule: Rule, **more: Any) -> Callable[[F], F]:
        """Declare what makes something, or has something done."""
        return self._declare("POST", path, rule, **more)

    def put(self, path: str, rule: Rule, **more: Any) -> Callable[[F], F]:
        """Declare what puts something in the place of what there is."""
        return self._declare("PUT", path, rule, **more)

    def patch(self, path: str, rule: Rule, **more: Any) -> Callable[[F], F]:
        """Declare what changes a part of something."""
        return self._declare("PATCH", path, rule, **more)

    def delete(self, path: str, rule: Rule, **more: Any) -> Callable[[F], F]:
        """Declare what ends something."""
        return self._declare("DELETE", path, rule, **more)

    def _declare(  # noqa: PLR0913 - the words of a route
        self,
        method: str,
        path: str,
        rule: Rule,
        *,
        answers: Any = None,
        status: int = 200,
        problems: tuple[Kind, ...] = (),
        example: Any = None,
        form: str = "application/json",
        headers: tuple[str, ...] = (),
    ) -> Callable[[F], F]:
        def enter(endpoint: F) -> F:
            self.routes.append(
                Declared(
                    method=method,
                    path=self._root + path,
                    endpoint=endpoint,
                    rule=rule,
                    tag=self.tag,
                    answers=answers,
                    status=204 if answers is None and status == 200 else status,  # noqa: PLR2004 - OK
                    problems=problems,
                    example=example,
                    form=form,
                    headers=headers,
                )
            )
            return endpoint

        return enter
