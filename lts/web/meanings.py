"""What the fields of answers and messages mean, as it stands below them in their classes."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
from msgspec.inspect import Field, StructType, Type, multi_type_info


def explain(schemas: Mapping[str, dict[str, Any]], answers: Iterable[Any]) -> None:
    """Give the fields of structs, and of all that these are made of, their meanings as descriptions."""
    for struct in {struct for known in multi_type_info(answers) for struct in _structs(known)}:
        properties = schemas.get(struct.__name__, {}).get("properties", {})
        called = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
        for name, meaning in meanings(struct).items():
            properties[called[name]] = {"description": meaning} | properties[called[name]]


def meanings(struct: type) -> dict[str, str]:
    """Return what stands below each field of a class.

    >>> from lts.domain.fills import Fill
    >>> meanings(Fill)["rate"]
    "What one unit of this currency was in the portfolio's when it was booked."
    """
    found = {}
    (defined,) = ast.parse(inspect.getsource(struct)).body
    for field, below in pairwise(defined.body if isinstance(defined, ast.ClassDef) else ()):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                found[name] = inspect.cleandoc(text)
    return found


def _structs(part: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type is made of, generic ones aside."""
    if isinstance(part, StructType) and isinstance(part.cls, type):
        yield part.cls
    if isinstance(part, (Type, Field)):
        part = msgspec.structs.astuple(part)
    if isinstance(part, tuple):
        for each in part:
            yield from _structs(each)
