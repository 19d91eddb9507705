"""Fixtures for every test: where the real data is, and how to look at the errors behind the shape checks."""

import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import jaxtyping
import matplotlib as mpl
import pytest
import torch

mpl.use("Agg")
torch.set_num_threads(1)
hypothesis.settings.register_profile("netopsy", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("netopsy")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
if "NETOPSY_DATA" not in os.environ and _SHARED.is_dir():
    os.environ["NETOPSY_DATA"] = str(_SHARED)


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; skips the test on a machine that has none."""
    folder = os.environ.get("NETOPSY_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NETOPSY_DATA is not set: no real data on this machine")
    return Path(folder)


@contextmanager
def without_shape_checks():
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def unchecked():
    """Switch the shape checks off: bad input reaches the function's own checks, and texts run at their own speed."""
    with without_shape_checks():
        yield


@pytest.fixture(scope="module")
def at_own_speed():
    """For modules that run whole programs: the shape checks, which the methods' tests have, are off."""
    with without_shape_checks():
        yield


@pytest.fixture(scope="session")
def catalogue_cache(tmp_path_factory) -> Path:
    """Where the vectors of the catalogue are kept, which take long to make: one for all processes of the run."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "catalogue-cache"


@pytest.fixture(scope="module")
def shared_cache(catalogue_cache):
    """What commands keep for the next time is kept for the whole run, and in no cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETOPSY_CACHE", str(catalogue_cache))
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """The file of a feed without papers, to be copied: making its tables takes longer than most tests."""
    from netopsy.feed.database import open_database

    file = tmp_path_factory.mktemp("empty-database") / "papers.db"
    open_database(f"sqlite:///{file}").dispose()
    return file


@pytest.fixture(scope="session")
def new_feed(tmp_path_factory, empty_database) -> Path:
    """The file of a feed with the papers of the catalogue, to be copied."""
    from netopsy.feed import Feed

    file = shutil.copy(empty_database, tmp_path_factory.mktemp("new-feed") / "papers.db")
    Feed.open(f"sqlite:///{file}", now=datetime(2026, 11, 28, 12, tzinfo=UTC)).close()
    return file


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def left_as_found():
    """A function that takes a model's portrait; two portraits are equal if nothing about the model has changed."""

    def portrait(model):
        return (
            {name: value.tolist() for name, value in model.state_dict().items()},
            [value.data_ptr() for value in model.state_dict().values()],
            [module.training for module in model.modules()],
            [getattr(module, "inplace", None) for module in model.modules()],
            [(p.requires_grad, p.grad is None) for p in model.parameters()],
            [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()],
            torch.random.get_rng_state().tolist(),
        )

    return portrait
