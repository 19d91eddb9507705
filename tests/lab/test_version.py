import ast
import importlib.util
import textwrap

import pytest

from netopsy.lab import version
from netopsy.lab.version import code_version

STUDY = '''
"""A study."""
import math
from netopsy.sparsity import lottery_ticket

SCALE = 3
COLOUR = "red"

TABLE = {}

def entry():
    return 7

TABLE.update(x=entry())

def helper(x):
    """Doubles."""
    return SCALE * x  # a comment

def measure(cell):
    return [{"y": helper(math.pi)}]

def judge(rows, config):
    return []

def draw(rows, config):
    return COLOUR
'''


@pytest.fixture
def version_of(tmp_path):
    count = iter(range(100))

    def compute(source: str) -> str:
        path = tmp_path / f"study_{next(count)}.py"
        path.write_text(textwrap.dedent(source).replace("from netopsy.sparsity import lottery_ticket\n", ""))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return code_version(module.measure)

    return compute


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A study."""', '"""Another docstring."""'),
        ("  # a comment", ""),
        ('    """Doubles."""\n', ""),
        ("return []", "return [1]"),
        ('"red"', '"blue"'),
        ("def helper", "\n\n\ndef helper"),
    ],
)
def test_what_does_not_touch_the_measurement_keeps_the_version(version_of, old, new):
    assert old in STUDY
    assert version_of(STUDY) == version_of(STUDY.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 3", "SCALE = 4"),
        ("return SCALE * x", "return SCALE + x"),
        ("math.pi", "math.e"),
        ("return 7", "return 8"),
        ("import math", "import cmath as math"),
        ("COLOUR =", "print('on import')\nCOLOUR ="),
    ],
)
def test_what_touches_the_measurement_changes_the_version(version_of, old, new):
    assert old in STUDY
    assert version_of(STUDY) != version_of(STUDY.replace(old, new))


def test_the_floors_and_the_room_count(tmp_path, monkeypatch, version_of):
    for package in ("core", "sparsity", "lab"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "it.py").write_text("x = 1\n")
    monkeypatch.setattr(version, "_root", lambda: tmp_path)
    tree = ast.parse(STUDY)
    assert version._netopsy_imports(tree) == (["sparsity"], [])
    found = {str(path.relative_to(tmp_path)) for path in version._package_files((*version.FLOORS, "sparsity"))}
    assert found == {"core/it.py", "sparsity/it.py"}
    before = version_of(STUDY)
    (tmp_path / "lab" / "it.py").write_text("x = 2\n")
    assert version_of(STUDY) == before
    (tmp_path / "core" / "it.py").write_text("x = 2\n")
    assert version_of(STUDY) != before
    (tmp_path / "core" / "it.py").write_text("x = not python\n")
    assert version_of(STUDY) != before
