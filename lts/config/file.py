"""The file that describes a system, and the plan that a recording keeps of it."""

import json
import os
from pathlib import Path

from lts.config.params import parse_tables
from lts.config.schema import SystemPlan, SystemTables
from lts.config.toml import read_toml
from lts.refusal import Refused


def read_system(path: Path) -> SystemPlan:
    """The plan that a file describes; raises Refused with one sentence if the file cannot be used."""
    raw = read_toml(path)
    file = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would leave the directory of a linked file
    tables = parse_tables(SystemTables, raw, str(path), {"directory": file.parent})
    return SystemPlan.model_validate({**tables.model_dump(by_alias=True), "file": file})


def plan_from_json(line: str, where: str) -> SystemPlan:
    """The plan that `SystemPlan.to_json` wrote; raises Refused with one sentence that starts at `where`."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise Refused(f"{where}: does not hold the plan of a system as a recording begins with it")
    return parse_tables(SystemPlan, raw, where)
