"""TOML files, read whole or refused."""

import tomllib
from pathlib import Path
from typing import Any

from lts.refusal import Refused


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; raises Refused if it cannot be read, is no TOML, or says nothing."""
    text = _text_of(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        end = f"at line {text.count(chr(10)) + 1}, the end of the file"
        raise Refused(f"{path}: not valid TOML: {str(error).replace('at end of document', end)}") from None
    except RecursionError:
        raise Refused(f"{path}: lists and tables are nested too deeply; write them flatter") from None
    except ValueError:  # TOML can spell numbers that Python does not hold
        raise Refused(f"{path}: holds a number of several thousand digits; write a shorter one") from None
    if not tables:
        raise Refused(f"{path}: the file is empty; it has to describe something in TOML")
    return tables


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}; check the path and its rights") from None
    except ValueError as error:
        raise Refused(f"{str(path)!r}: not a path: {error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}: not UTF-8 text (line {line}); save the file as UTF-8") from None
