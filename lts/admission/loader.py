"""The only door by which a plugin's code gets into the process."""

import platform
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from packaging.specifiers import SpecifierSet

from lts.admission.catalogue import Catalogue, Listing
from lts.admission.guest import Guest
from lts.admission.manifest import Manifest, read_manifest
from lts.config.sentence import did_you_mean, listed
from lts.refusal import Refused


@dataclass(frozen=True, slots=True)
class Admitted:
    """A plugin that passed every check: its class may be used."""

    kind: str
    name: str
    plugin: type
    manifest: Manifest
    directory: Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """A plugin that stays outside, and why, in one sentence."""

    kind: str
    name: str
    reason: str


def admit(kind: str, name: str, catalogue: Catalogue) -> Admitted | Refusal:
    """Let in the plugin of this kind and name, or say why not; its code runs only after all other checks."""
    try:
        listing = _listing(kind, name, catalogue)
        manifest = examine(listing, catalogue)
        plugin = _plugin_class(manifest, listing, catalogue.contracts[kind])
    except Refused as refused:
        return Refusal(kind, name, str(refused))
    return Admitted(kind, name, plugin, manifest, listing.directory)


def examine(listing: Listing, catalogue: Catalogue) -> Manifest:
    """What a plugin says about itself, if nothing of it is wrong; raises Refused. None of its code runs."""
    manifest = read_manifest(listing.directory)
    _check_claims(manifest, listing, catalogue.sdk_version)
    return manifest


def _listing(kind: str, name: str, catalogue: Catalogue) -> Listing:
    """The one place where the plugin lies."""
    if kind not in catalogue.contracts:
        raise Refused(f"{kind!r} is no kind of plugin; {did_you_mean(kind, catalogue.contracts)}")
    match catalogue.places(kind, name):
        case [listing]:
            return listing
        case []:
            known = catalogue.names(kind)
            hints = dict.fromkeys((listed(known), *catalogue.unlisted, did_you_mean(name, known)))
            raise Refused("; ".join((f"there is no {kind} plugin {name!r}", *hints)))
        case several:
            places = " and ".join(f"{listing.directory} ({listing.source})" for listing in several)
            raise Refused(f"the {kind} plugin {name!r} is in more than one place: {places}; keep one")


def _check_claims(manifest: Manifest, listing: Listing, sdk_version: str) -> None:
    """Hold what the manifest says against where it lies and what runs here."""
    if (manifest.kind, manifest.name) != (listing.kind, listing.name):
        raise Refused(
            f"{listing}: its plugin.toml says that it is the {manifest.kind} plugin {manifest.name!r}; "
            "make its directory and its plugin.toml say the same"
        )
    for what, wanted, present in (
        ("LTS SDK", manifest.requires_lts, sdk_version),
        ("Python", manifest.requires_python, platform.python_version()),
    ):
        if not SpecifierSet(wanted).contains(present, prereleases=True):
            raise Refused(f"{listing} is made for {what} {wanted}, not for {present}; take another version")


def _plugin_class(manifest: Manifest, listing: Listing, contract: type) -> type:
    """The class that the manifest's entry names; a guest whose class is refused does not stay imported."""
    try:
        guest = Guest.read(listing.kind, listing.name, listing.directory)
    except OSError as error:
        raise Refused(f"{listing} cannot be read: {error}") from None
    if not guest.has(manifest.module):
        raise Refused(f"{listing} has no module {manifest.module!r}; its entry names one")
    try:
        found = _class_in(guest.load(manifest.module), manifest.class_name, contract)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a guest's code may raise anything
        found = f"cannot be imported: {_told(error, listing.directory)}"
    if isinstance(found, str):
        guest.forget()
        raise Refused(f"{listing} {found}")
    return found


def _class_in(module: ModuleType, name: str, contract: type) -> type | str:
    """The module's class of this name, or what keeps it from being a plugin of its kind."""
    plugin = getattr(module, name, None)
    if not isinstance(plugin, type):
        return f"has no class {name!r}; its entry names one"
    if not issubclass(plugin, contract):
        return f"is not a {contract.__name__}; let its class {name!r} extend that"
    if missing := getattr(plugin, "__abstractmethods__", None):
        return f"leaves out {', '.join(sorted(missing))}; let its class {name!r} define that"
    return plugin


def _told(error: BaseException, directory: Path) -> str:
    """What a guest raised, and the last line of its own files that led there."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(directory)]
    return f"{said} ({own[-1].filename}, line {own[-1].lineno})" if own else said
