import torch

from netopsy.lab.subjects.images import masks_of, mosaics, paste
from netopsy.lab.subjects.kept import kept
from netopsy.lab.subjects.nodes import node_task

CALLS = []


def weights(seed: int, size: int) -> dict[str, torch.Tensor]:
    CALLS.append(seed)
    return {"w": torch.full((size, 2), float(seed)), "count": torch.tensor(size)}


def test_weights_are_trained_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path))
    CALLS.clear()
    first, second = (kept(weights, seed=1, size=3) for _ in range(2))
    assert CALLS == [1]
    assert all(torch.equal(first[name], second[name]) for name in first)
    kept(weights, seed=2, size=3)
    assert CALLS == [1, 2]
    for path in (tmp_path / "networks").iterdir():
        path.write_bytes(path.read_bytes()[:-3] + b"abc")
    assert torch.equal(kept(weights, seed=1, size=3)["w"], first["w"])
    assert CALLS == [1, 2, 1]
    assert "it is trained anew" in caplog.text


def test_a_cache_that_cannot_be_written_costs_a_training(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "file"))
    assert kept(weights, seed=5, size=1)["w"].tolist() == [[5.0, 5.0]]


def test_pasted_images_lie_in_their_boxes():
    random = torch.Generator().manual_seed(0)
    images, textures = torch.ones(5, 1, 4, 6), torch.zeros(2, 20, 20)
    shown, boxes = paste(images, textures, 12, random)
    assert torch.equal(shown[:, 0] == 1, masks_of(boxes, 12))
    assert (shown.flatten(1).sum(1) == 24).all()


def test_mosaics_show_one_image_of_each_class_in_its_field():
    from netopsy.data import Dataset

    labels = torch.arange(40) % 5
    data = Dataset(labels[:, None, None, None].float().expand(-1, 1, 3, 3).clone(), labels, tuple("abcde"))
    found = mosaics(data, 10, objects=4, seed=0)
    assert found.images.shape == (10, 1, 6, 6)
    for image, classes, masks in zip(found.images, found.classes, found.masks, strict=True):
        assert len(set(classes.tolist())) == 4
        for label, mask in zip(classes, masks, strict=True):
            assert (image[0][mask] == label).all()
            assert mask.sum() == 9


def test_node_tasks_have_parts_that_do_not_meet():
    task = node_task("digits", 1)
    assert (task.classes, int(task.train_mask.sum()), int(task.val_mask.sum())) == (10, 30, 300)
    torch.testing.assert_close(task.x.sum(1), torch.ones(1797))
    assert not (task.train_mask & task.test_mask).any()
    assert not torch.equal(task.train_mask, node_task("digits", 2).train_mask)
    blocks = node_task("blocks", 0, nodes=200, per_class=5)
    assert (len(blocks.x), blocks.classes, int(blocks.train_mask.sum())) == (200, 5, 25)
    degree = blocks.edge_index[0].bincount().double()
    assert degree.std() / degree.mean() > 0.5  # uneven
