"""Logs: for people, for machines, and for both at once."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from lts import logs

pytestmark = pytest.mark.requirement("INT-9.1")


@pytest.fixture(autouse=True)
def leave_the_log_as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_what_people_read_is_also_kept_as_json_lines() -> None:
    shown, kept = StringIO(), StringIO()
    logs.set_up("info", "console", shown, kept)
    structlog.get_logger("desk").info("order denied", order="a-1")
    structlog.get_logger("desk").debug("too small to tell")
    assert "order denied" in shown.getvalue()
    line = json.loads(kept.getvalue())
    assert (line["event"], line["order"], line["level"]) == ("order denied", "a-1", "info")
    assert kept.getvalue().count("\n") == shown.getvalue().count("\n") == 1


def test_a_failure_is_logged_with_its_traceback_and_without_what_the_variables_held() -> None:
    kept = StringIO()
    logs.set_up("info", "json", kept)
    secret = "hunter2"  # noqa: S105 - that it does not get into the log is what is tested
    try:
        int(secret[:0] or "no number")
    except ValueError as error:
        structlog.get_logger().error("actor failed", exc_info=error)
    (exception,) = json.loads(kept.getvalue())["exception"]
    assert exception["exc_type"] == "ValueError"
    assert secret not in kept.getvalue()
