"""Networks named on a command line."""

import sys

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.examination.factory import network_from

MODULE = """
import sys
from torch import nn

class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)

def make():
    return Net()

def needs(width):
    return nn.Linear(width, 2)

def broken():
    raise RuntimeError("first line\\nno weights at /nowhere")

def leaves():
    sys.exit("goodbye")

def number():
    return 7

ready = nn.Linear(3, 3)
width = 12
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with a package of one's own."""
    package = tmp_path / "own_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text(MODULE)
    (package / "typo.py").write_text("def make(:\n")
    (package / "needy.py").write_text("import a_library_nobody_has\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_nets")]:
        del sys.modules[name]


def test_a_function_a_class_and_a_ready_network_are_taken():
    path = list(sys.path)
    assert isinstance(network_from("own_nets.nets:make"), nn.Linear)
    assert network_from("own_nets.nets:Net").out_features == 2
    assert network_from("own_nets.nets:ready") is network_from("own_nets.nets:ready")
    assert network_from("netopsy.models:lenet_300_100")(torch.zeros(1, 784)).shape == (1, 10)
    assert sys.path == path


def test_the_weights_a_factory_draws_follow_from_the_seed():
    state = torch.get_rng_state()
    first, again, other = (network_from("own_nets.nets:make", seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "must be given as package.module:factory"),
        ("own_nets.nets", "must be given as package.module:factory"),
        ("own_nets/nets.py:make", "must be given as package.module:factory"),
        ("own_nets.nets:make()", "must be given as package.module:factory"),
        ("own_netz.nets:make", "there is no module 'own_netz'"),
        ("own_nets.gone:make", "there is no module 'own_nets.gone'"),
        ("own_nets.nets:made", "has no 'made'"),
        ("own_nets.typo:make", "cannot be imported: SyntaxError"),
        ("own_nets.needy:make", "cannot be imported: ModuleNotFoundError: No module named 'a_library_nobody_has'"),
        ("own_nets.nets:broken", "could not make a network: RuntimeError: no weights at /nowhere"),
        ("own_nets.nets:needs", "could not make a network: TypeError: needs\\(\\) missing 1 required"),
        ("own_nets.nets:leaves", "could not make a network: it raised SystemExit: goodbye"),
        ("own_nets.nets:number", "must return a torch nn.Module, but returns int"),
        ("own_nets.nets:width", "must be a function that returns a network, got int"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(spec, says):
    path = list(sys.path)
    with pytest.raises(InputError, match=says) as caught:
        network_from(spec)
    assert "\n" not in str(caught.value)
    assert sys.path == path
