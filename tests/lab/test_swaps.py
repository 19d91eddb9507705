import pytest

from netopsy.lab import StorageError, swaps
from netopsy.lab.swaps import complete_swaps, swapped

ENTRIES = ("figures", "rows", "failures")


def state(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


OLD = {"rows": "old", "figures/a.svg": "old a", "figures/b.svg": "old b", "failures": "old", "other": "stays"}
NEW = {"rows": "new", "figures/b.svg": "new b", "figures/c.svg": "new c", "other": "stays"}


def fill(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def change(folder):
    with swapped(folder, ENTRIES) as staged:
        fill(staged, {name: text for name, text in NEW.items() if name != "other"})


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path, OLD)
    return tmp_path


def test_entries_change_together(folder):
    change(folder)
    assert state(folder) == NEW
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "other", "rows"]


def test_killed_anywhere_it_is_the_old_or_the_new_whole(tmp_path, kill_after):
    found = []
    for calls in range(1000):
        folder = tmp_path / str(calls)
        folder.mkdir()
        fill(folder, OLD)
        ended = not kill_after(calls, lambda folder=folder: change(folder))
        for more in (1, 3, 7):  # what makes up for it is killed too
            kill_after(more, lambda folder=folder: complete_swaps(folder))
        complete_swaps(folder)
        found.append(state(folder))
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
        if ended:
            break
    assert all(each in (OLD, NEW) for each in found)
    changed = [each == NEW for each in found]
    assert changed == sorted(changed)
    assert len(found) > 10
    assert changed[-1] > changed[0]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("judge")])
def test_a_block_that_fails_changes_nothing(folder, error):
    def fail():
        with swapped(folder, ENTRIES) as staged:
            (staged / "rows").write_text("half")
            raise error

    with pytest.raises(StorageError if isinstance(error, OSError) else type(error)):
        fail()
    assert state(folder) == OLD
    assert len(list(folder.iterdir())) == 4


def test_what_another_process_is_at_stays(folder):
    with swapped(folder, ENTRIES) as staged:
        (staged / "rows").write_text("new")
        complete_swaps(folder)
    assert state(folder) == {"rows": "new", "other": "stays"}


def test_links_are_moved_and_never_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    fill(outside, OLD)
    (folder / "figures").symlink_to(outside)
    (folder / "rows").symlink_to(outside / "rows")
    (folder / f"{swaps._STAGED}x{swaps.TEMPORARY}").symlink_to(outside)
    change(folder)
    with pytest.raises(StorageError):
        complete_swaps(folder)
    assert state(outside) == OLD
    assert (folder / "figures" / "c.svg").read_text() == "new c"
