import pytest
import torch

from netopsy.lab.subjects import scene_generators as kept


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))


def test_a_trained_generator_is_kept_and_found_again(tmp_path, monkeypatch):
    setting = kept.SceneSetting(side=8, images=100, steps=3, widths=(4, 4), judge_widths=(4, 4))
    monkeypatch.setattr(kept, "scenes", small_scenes)
    first = kept.trained_generator(setting, 0)
    [path] = (tmp_path / "cache" / "networks").iterdir()
    monkeypatch.setattr(kept, "fit_adversarial", None)  # whoever trains now fails
    again = kept.trained_generator(setting, 0)
    z = torch.randn(4, 32)
    assert torch.equal(first(z), again(z))
    with pytest.raises(TypeError):
        kept.trained_generator(setting, 1)
    assert [path] == list((tmp_path / "cache" / "networks").iterdir())


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_noticed_and_trained_anew(tmp_path, monkeypatch, caplog, damage):
    setting = kept.SceneSetting(side=8, images=100, steps=3, widths=(4, 4), judge_widths=(4, 4))
    monkeypatch.setattr(kept, "scenes", small_scenes)
    first = kept.trained_generator(setting, 0)
    [path] = (tmp_path / "cache" / "networks").iterdir()
    whole = path.read_bytes()
    flipped = whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:]
    path.write_bytes({"cut": whole[: len(whole) // 2], "flipped": flipped, "empty": b""}[damage])
    again = kept.trained_generator(setting, 0)
    assert "damaged network" in caplog.text
    assert path.read_bytes() == whole
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), again.parameters(), strict=True))


def test_without_a_cache_folder_it_goes_on(tmp_path, monkeypatch, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(kept, "scenes", small_scenes)
    kept.trained_generator(kept.SceneSetting(side=8, images=100, steps=2, widths=(4, 4), judge_widths=(4, 4)), 0)
    assert "not kept" in caplog.text


def small_scenes(n, *, side, seed):
    """Scenes have at least 16 pixels a side; a test can do with 8."""
    from netopsy.data import scenes

    drawn = scenes(n, seed=seed)
    return type(drawn)(drawn.images[:, :, ::2, ::2][:, :, :side, :side], drawn.labels[:, ::2, ::2])
