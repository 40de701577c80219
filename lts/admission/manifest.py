"""What a plugin says about itself in `plugin.toml`, beside its code.

```toml
kind = "strategy"
name = "sma_cross"
version = "1.0.0"
entry = "plugin:SmaCross"          # a module of the plugin, and the class in it
requires-lts = ">=1.0,<2"          # the versions of the SDK that it was written for
requires-python = ">=3.11"         # optional, as are the next two
capabilities = []
description = "Follows the trend of two averages."
```
"""

import re
from pathlib import Path
from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lts.config.params import parse_tables
from lts.config.schema import PluginName
from lts.config.toml import read_toml

FILE_NAME = "plugin.toml"

_ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def _usable_version(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        raise ValueError('a version is written like "1.0.0"') from None


def _usable_range(versions: str) -> str:
    try:
        return str(SpecifierSet(versions))
    except InvalidSpecifier:
        raise ValueError('a range of versions is written like ">=1.0,<2"') from None


def _usable_entry(entry: str) -> str:
    if not _ENTRY.fullmatch(entry):
        raise ValueError('an entry is a module and a class, written like "plugin:SmaCross"')
    return entry


VersionRange = Annotated[str, AfterValidator(_usable_range)]


class Manifest(BaseModel):
    """A plugin's kind, name, version, entry, and what it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PluginName
    name: PluginName
    version: Annotated[str, AfterValidator(_usable_version)]
    entry: Annotated[str, AfterValidator(_usable_entry)]
    requires_lts: VersionRange = Field(alias="requires-lts")
    requires_python: VersionRange = Field("", alias="requires-python")
    capabilities: tuple[str, ...] = ()
    description: str = ""

    @property
    def module(self) -> str:
        """The module that holds the plugin's class, within the plugin."""
        return self.entry.partition(":")[0]

    @property
    def class_name(self) -> str:
        """The plugin's class, within its module."""
        return self.entry.partition(":")[2]


def read_manifest(directory: Path) -> Manifest:
    """The manifest in a plugin's directory; raises Refused with one sentence if it cannot be used."""
    path = directory / FILE_NAME
    return parse_tables(Manifest, read_toml(path), str(path))
