"""Where the plugins lie, by kind and name; none of their code is run to find out."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Self

from lts.admission.manifest import FILE_NAME, read_manifest
from lts.refusal import Refused

GROUP = "lts.plugins"
"""The entry points by which an installed package offers plugins.

The value of one names a package that holds a `plugin.toml`, for example `mean = "acme.mean_reversion"`.
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """One plugin in one place: its kind and name, its directory, and how it came to be listed."""

    kind: str
    name: str
    directory: Path
    source: str

    def __str__(self) -> str:
        return f"{self.kind} plugin {self.name!r} in {self.directory}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All plugins that can be asked for, and what each kind has to be."""

    contracts: Mapping[str, type]
    """The class that a plugin of each kind extends."""
    sdk_version: str
    listings: tuple[Listing, ...]
    unlisted: tuple[str, ...]
    """What was offered as a plugin and could not even be listed: a sentence each."""

    @classmethod
    def discover(
        cls,
        contracts: Mapping[str, type],
        sdk_version: str,
        built_in: Path,
        directories: Iterable[Path] = (),
    ) -> Self:
        """List the built-in tree, the trees of `[plugins] directories`, and the installed packages.

        A tree is laid out as `<kind>/<name>/plugin.toml`. Raises Refused for a directory that is none.
        """
        found = list(_in_tree(built_in, "built-in"))
        for directory in directories:
            if not directory.is_dir():
                raise Refused(f"plugins.directories: {directory} is not a directory; check the path")
            found += _in_tree(directory, "plugins.directories")
        unlisted = []
        for point in entry_points(group=GROUP):
            try:
                found.append(_offered(point))
            except Refused as refused:
                unlisted.append(f"entry point {point.name!r} of {GROUP}: {refused}")
        places: dict[Path, Listing] = {}
        for listing in found:  # a directory that is reached by two ways is still one place
            places.setdefault(listing.directory.resolve(), listing)
        listings = sorted(places.values(), key=lambda one: (one.kind, one.name, one.directory))
        return cls(contracts, sdk_version, tuple(listings), tuple(unlisted))

    def all(self) -> tuple[Listing, ...]:
        """Every listing, sorted by kind and name."""
        return self.listings

    def names(self, kind: str) -> list[str]:
        """The names that can be asked for in a kind."""
        return [listing.name for listing in self.listings if listing.kind == kind]

    def places(self, kind: str, name: str) -> list[Listing]:
        """Where the plugin of this kind and name is listed: nowhere, once, or too often."""
        return [listing for listing in self.listings if (listing.kind, listing.name) == (kind, name)]


def _in_tree(tree: Path, source: str) -> Iterator[Listing]:
    for manifest in sorted(tree.glob(f"*/*/{FILE_NAME}")):
        directory = manifest.parent
        yield Listing(directory.parent.name, directory.name, directory, source)


def _offered(point: EntryPoint) -> Listing:
    """The plugin that an installed package offers; only its manifest says of what kind and name it is."""
    directory = _directory_of(point.value.strip())
    manifest = read_manifest(directory)
    return Listing(manifest.kind, manifest.name, directory, f"installed, entry point {point.name!r}")


def _directory_of(package: str) -> Path:
    """Where a package lies; importlib's own search would import the packages around it."""
    path: list[str] | None = None
    name = ""
    for part in package.split("."):
        name = f"{name}.{part}" if name else part
        path = _directories_of(name, path) if part.isidentifier() else []
        if not path:
            raise Refused(f"there is no package {package!r}; the value is a package that holds {FILE_NAME}")
    places = [Path(place) for place in path or ()]
    return next((place for place in places if (place / FILE_NAME).is_file()), places[0])


def _directories_of(package: str, path: list[str] | None) -> list[str]:
    specs = (finder.find_spec(package, path) for finder in sys.meta_path)
    spec = next((spec for spec in specs if spec is not None), None)
    return list(spec.submodule_search_locations or ()) if spec is not None else []
