"""The limits of the API in a system's file leave room for others."""

import pytest
from pydantic import ValidationError

from lts.config.schema import ApiPlan

pytestmark = pytest.mark.requirement("INT-014")


def test_one_user_may_not_hold_all_streams_nor_streams_all_connections() -> None:
    assert ApiPlan(max_streams=20, max_streams_per_user=19, max_connections=21).max_streams == 20
    for limits in ({"max_streams_per_user": 1_500}, {"max_streams": 2_000}, {"max_connections": 1_000}):
        with pytest.raises(ValidationError, match="streams leave room for others"):
            ApiPlan.model_validate(limits)
