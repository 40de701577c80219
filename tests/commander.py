"""Somebody who commands a node over MQTT, with what `deploy/examples` tells people to use."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "deploy" / "examples" / "mqtt"


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("command", EXAMPLES / "command.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _example()
Client: Any = _module.Client
signed: Callable[..., bytes] = _module.signed
