"""Commands run whole programs, at their own speed."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _without_shape_checks(at_own_speed) -> None:
    pass
