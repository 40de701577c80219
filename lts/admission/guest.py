"""A plugin's source files, read once and imported from the bytes that were read.

A guest is imported as the package `lts_guest.<kind>.<name>`, so that its files can import each other
relatively. What lies on disk afterwards is never looked at again: what was checked is what runs.
"""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Self

_ROOT = "lts_guest"


@dataclass(frozen=True)
class Guest(SourceLoader):
    """One plugin's package as the import system sees it: where its modules are, and what is in them."""

    package: str
    files: dict[str, str]
    """Each module's file."""
    contents: dict[str, bytes]
    """Each file's bytes."""

    @classmethod
    def read(cls, kind: str, name: str, directory: Path) -> Self:
        """Read the Python files of a plugin's directory; raises OSError if one cannot be read."""
        package = f"{_ROOT}.{kind}.{name}"
        files: dict[str, str] = {}
        for path in sorted(directory.rglob("*.py")):  # a package comes before the module of its name
            parts = path.relative_to(directory).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                inner = parts[:-1] if parts[-1] == "__init__" else parts
                files.setdefault(".".join((package, *inner)), str(path))
        return cls(package, files, {file: Path(file).read_bytes() for file in files.values()})

    def has(self, module: str) -> bool:
        """Whether the plugin has a file for this module."""
        return f"{self.package}.{module}" in self.files

    def load(self, module: str) -> ModuleType:
        """Import a module of the plugin: the same files run once, changed ones take their place.

        Whatever the plugin's code raises comes through; `forget` removes what it imported so far.
        """
        if self not in sys.meta_path:
            self.forget()
            sys.meta_path.insert(0, self)
        return importlib.import_module(f"{self.package}.{module}")

    def forget(self) -> None:
        """Leave nothing of the plugin imported, whichever its files were."""
        sys.meta_path[:] = [
            finder
            for finder in sys.meta_path
            if not (isinstance(finder, Guest) and finder.package == self.package)
        ]
        for module in [name for name in sys.modules if f"{name}.".startswith(f"{self.package}.")]:
            del sys.modules[module]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module of this plugin is, for the import system."""
        del path, target
        if file := self.files.get(fullname):
            spec = ModuleSpec(fullname, self, origin=file, is_package=self.is_package(fullname))
            spec.has_location = True
            return spec
        if any(module.startswith(f"{fullname}.") for module in self.files):
            return ModuleSpec(fullname, None, is_package=True)  # a directory without __init__.py
        return None

    def get_filename(self, fullname: str) -> str:
        """A module's file, for the import system."""
        return self.files[fullname]

    def get_data(self, path: str | bytes) -> bytes:
        """A file's bytes as they were read, for the import system; raises OSError for any other file."""
        try:
            return self.contents[str(path)]
        except KeyError:
            raise FileNotFoundError(path) from None
