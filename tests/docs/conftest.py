"""What texts show runs at its own speed."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _at_own_speed(at_own_speed, shared_cache) -> None:
    pass
