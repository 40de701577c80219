"""aaa/local keeps what every AAA plugin owes."""

import pytest

from lts.testing import AaaContract
from plugins.aaa.local.plugin import LocalAaa

pytestmark = pytest.mark.requirement("INT-011", "INT-012", "INT-013", "INT-021", "INT-022")


class TestLocalAaa(AaaContract):
    plugin = LocalAaa
