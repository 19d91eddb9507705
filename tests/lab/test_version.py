import functools
import importlib.util
import os
import shutil
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest

import netopsy
from netopsy import InputError
from netopsy.lab import Cell, Study, version
from netopsy.lab.version import code_key, code_key_of

STUDY = '''
"""A study."""
from __future__ import annotations
import math
from typing import TYPE_CHECKING
from made_up.data import near, far
from made_up.plots import drawn
from made_up.study import plan
from .. import tools

if TYPE_CHECKING:
    from made_up.types import Config

SCALE = 3
COLOUR = "red"

TABLE = {}

def entry():
    return 7

TABLE.update(x=entry())

def helper(x):
    """Doubles."""
    from made_up import late
    return SCALE * late.value(x)  # a comment

def measure(seed: int):
    return [{"y": helper(math.pi), "z": near(tools, plan.SHARE)}]

def judge(rows, config: Config):
    return []

def draw(rows, config):
    return drawn(COLOUR, far)
'''

FILES = {
    "made_up/__init__.py": "",
    "made_up/data/__init__.py": "from made_up.data.close import near, nearer\nfrom .distant import far\n",
    "made_up/data/close.py": "from made_up.base import ONE\nnear = nearer = ONE\n",
    "made_up/data/distant.py": "from made_up.base import ONE\nfar = 100 * ONE\n",
    "made_up/base.py": "ONE = 1\n",
    "made_up/tools.py": "from . import deep\nfrom netopsy.lab import mean_interval, run\n",
    "made_up/deep/__init__.py": "from made_up.deep import inside\n",
    "made_up/deep/inside.py": "x = 1\n",
    "made_up/late.py": "def value(x):\n    return x\n",
    "made_up/plots.py": "def drawn(*_):\n    pass\n",
    "made_up/types.py": "class Config:\n    pass\n",
    "made_up/study/__init__.py": "from made_up.study.measure import measure\n",
    "made_up/study/plan.py": "SHARE = 0.5\n",
    "made_up/study/measure.py": STUDY,
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A made-up package with a study; returns what gives its key after a change of one file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in FILES.items():
        _write(tmp_path / name, text)

    def key(name: str = "", old: str = "", new: str = "") -> str:
        if name:
            before = FILES.get(name, "")
            assert old in before
            _write(tmp_path / name, before.replace(old, new) if old else new)
        found = code_key_of("made_up.study.measure:measure")
        if name in FILES:
            _write(tmp_path / name, FILES[name])
        assert "made_up" not in sys.modules
        return found

    return key


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    stamp = next(_STAMPS)
    os.utime(path, ns=(stamp, stamp))


@contextmanager
def _written(path: Path, text: str):
    """The file holds the text for a while."""
    before = path.read_text() if path.exists() else None
    _write(path, text)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            _write(path, before)


_STAMPS = iter(range(10**18, 2 * 10**18, 10**9))
IN = "made_up/study/measure.py"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (IN, '"""A study."""', '"""Another docstring."""'),
        (IN, "  # a comment", ""),
        (IN, '    """Doubles."""\n', ""),
        (IN, "return []", "return [1]"),
        (IN, '"red"', '"blue"'),
        (IN, "def helper", "\n\n\ndef helper"),
        (IN, "import near, far", "import far, near, nearer"),
        ("made_up/data/__init__.py", "", "from made_up.data.new import newest\n" + FILES["made_up/data/__init__.py"]),
        ("made_up/data/__init__.py", "near, nearer", "near"),
        ("made_up/data/new.py", "", "newest = 1\n"),
        ("made_up/data/distant.py", "100", "200"),
        ("made_up/plots.py", "pass", "return 1"),
        ("made_up/types.py", "pass", "x = 1"),
    ],
)
def test_what_the_measure_does_not_reach_keeps_the_key(tree, name, old, new):
    assert tree() == tree(name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (IN, "SCALE = 3", "SCALE = 4"),
        (IN, "return SCALE *", "return SCALE +"),
        (IN, "math.pi", "math.e"),
        (IN, "return 7", "return 8"),
        (IN, "import math", "import cmath as math"),
        (IN, "COLOUR =", "print('on import')\nCOLOUR ="),
        ("made_up/data/close.py", "near = nearer", "near"),
        ("made_up/data/__init__.py", "data.close", "data.distant"),
        ("made_up/data/__init__.py", "", "print('on import')\n" + FILES["made_up/data/__init__.py"]),
        ("made_up/base.py", "1", "2"),
        ("made_up/deep/inside.py", "1", "2"),
        ("made_up/late.py", "return x", "return -x"),
        ("made_up/study/plan.py", "0.5", "0.6"),
        ("made_up/base.py", "1", "not python"),
    ],
)
def test_what_the_measure_reaches_changes_the_key(tree, name, old, new):
    assert tree() != tree(name, old, new)


def test_a_function_has_the_key_of_its_place(tree, tmp_path):
    sys.modules.pop("made_up", None)
    module = importlib.import_module("made_up.base")
    _write(Path(module.__file__), "def measure():\n    return []\n")
    importlib.reload(module)
    assert code_key(module.measure) == code_key_of("made_up.base:measure")
    assert code_key(functools.lru_cache(module.measure)) == code_key_of("made_up.base:measure")
    for name in [name for name in sys.modules if name.startswith("made_up")]:
        del sys.modules[name]


def test_a_study_beside_its_helper_in_one_folder(tmp_path):
    """As a script: neither is in a package."""

    def key(helper: str) -> str:
        _write(tmp_path / "helper.py", helper)
        _write(tmp_path / "lone.py", "import helper\ndef measure():\n    return helper.x\n")
        spec = importlib.util.spec_from_file_location("__main__", tmp_path / "lone.py")
        module = importlib.util.module_from_spec(spec)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path))
            spec.loader.exec_module(module)
        del sys.modules["helper"]
        return code_key(module.measure)

    assert key("x = 1\n") == key("x = 1  # the same\n") != key("x = 2\n")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of netopsy's sources with made-up studies, which every test leaves as it found it."""
    source = Path(netopsy.__file__).parent
    root = tmp_path_factory.mktemp("sources") / "netopsy"
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("__pycache__", "*.toml", "web", "examination"))
    for name in PLACES:
        _write(root / "studies" / name / "made_up.py", textwrap.dedent(USES[name]))
    return root


@pytest.fixture
def copy(sources, monkeypatch):
    """Where the keys are made from."""
    monkeypatch.setattr(version, "root", lambda: sources)
    return sources


PLACES = ("landscape", "graphs", "costs")
USES = {
    "landscape": "from netopsy.data import digits\nfrom netopsy.training import fit\ndef measure():\n    digits, fit\n",
    "graphs": "from netopsy.graphs.teddy import teddy_scores\nfrom netopsy.lab import Cell, mean_interval\n"
    "def measure():\n    teddy_scores, mean_interval, Cell\n",
    "costs": "from netopsy.lab.costs import growth\ndef measure():\n    growth\n",
}


@pytest.fixture
def keys(copy):
    return lambda: {name: code_key_of(f"netopsy.studies.{name}.made_up:measure") for name in PLACES}


def _changed(keys, path: Path, text: str) -> set[str]:
    before = keys()
    with _written(path, text):
        after = keys()
    assert None not in after.values()
    return {name for name in before if before[name] != after[name]}


def test_a_new_file_in_data_and_its_re_export_change_no_key(copy, keys):
    novel, init = copy / "data" / "novel.py", copy / "data" / "__init__.py"
    assert _changed(keys, novel, "x = 1\n") == set()
    with _written(novel, "x = 1\n"):
        assert _changed(keys, init, f"from netopsy.data.novel import x\n{init.read_text()}") == set()


@pytest.mark.parametrize(
    ("file", "reached"),
    [
        ("core/errors.py", set(PLACES)),
        ("data/embedded.py", {"landscape"}),
        ("data/hub_files.py", set()),
        ("training/loop.py", {"landscape"}),
        ("graphs/teddy/scores.py", {"graphs"}),
        ("lab/statistics.py", {"graphs"}),
        ("lab/costs.py", {"costs"}),
        ("lab/cells.py", set()),
        ("lab/runs.py", set()),
        ("sparsity/lottery_ticket/imp.py", set()),
    ],
)
def test_an_edited_file_changes_the_keys_that_reach_it(copy, keys, file, reached):
    path = copy / file
    assert _changed(keys, path, f"{path.read_text()}\nADDED = 1\n") == reached


def test_a_new_paper_changes_no_key(copy, keys):
    novel = copy / "graphs" / "novel" / "__init__.py"
    assert _changed(keys, novel, "x = 1\n") == set()
    with _written(novel, "x = 1\n"):
        assert _changed(keys, copy / "studies" / "graphs" / "novel" / "plan.py", "x = 1\n") == set()


def test_a_place_without_such_a_function_has_no_key():
    assert code_key_of("netopsy.lab.statistics:no_such_function") is None
    assert code_key_of("netopsy.lab.no_such_module:measure") is None
    assert code_key_of("no_such_package.at_all:measure") is None
    with pytest.raises(InputError, match="package.module:function"):
        code_key_of("netopsy.lab.statistics")


@pytest.mark.parametrize("measure", [functools.partial(print, 1), len, list, type("Callable", (), {"__call__": len})()])
def test_what_has_no_code_of_its_own_is_refused(measure):
    with pytest.raises(InputError, match="measure must be a function"):
        code_key(measure)
    with pytest.raises(InputError, match="a measure must be a function of a module, got"):
        Cell.of(measure)
    with pytest.raises(InputError, match="a measure must be a function of a module, got"):
        Study("toy", {}, list, (measure,), list, dict)


def test_helpers_of_ones_own_anywhere_on_the_path(tmp_path, monkeypatch):
    """In another package, in one without ``__init__``, and in another folder; what is installed is not followed."""
    for folder in ("first", "second", "second/site-packages"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    files = {
        "first/own_study/__init__.py": "",
        "first/own_study/study.py": "import own_helper\nfrom own_tools import scale\nfrom own_spaces import inner\n"
        "import own_installed\ndef measure():\n    return own_helper, scale, inner, own_installed\n",
        "first/own_helper.py": "x = 1\n",
        "second/own_tools/__init__.py": "from own_tools.scales import scale\n",
        "second/own_tools/scales.py": "scale = 1\n",
        "second/own_spaces/inner.py": "x = 1\n",
        "second/site-packages/own_installed.py": "x = 1\n",
    }
    for name, text in files.items():
        _write(tmp_path / name, text)
    before = code_key_of("own_study.study:measure")
    for name in ("first/own_helper.py", "second/own_tools/scales.py", "second/own_spaces/inner.py"):
        _write(tmp_path / name, "x = scale = 2\n")
        assert code_key_of("own_study.study:measure") != before
        _write(tmp_path / name, files[name])
    assert code_key_of("own_study.study:measure") == before
    _write(tmp_path / "second/site-packages/own_installed.py", "x = 2\n")
    assert code_key_of("own_study.study:measure") == before
