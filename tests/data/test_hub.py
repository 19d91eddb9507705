"""Hub sets: small parquet files in the same format, a Hub that is played, and the real ones where they are."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.data import Dataset, hub_dataset, load_data


def numbers(data):
    return (data.inputs[:, 0, 0, 0] * 25.5).round().int().tolist()


def test_shards_are_read_in_order(write_parquet, grey_images):
    images, labels = grey_images
    write_parquet("owner/set/plain/train-00001-of-00002.parquet", images[7:], labels[7:])
    write_parquet("owner/set/plain/train-00000-of-00002.parquet", images[:7], labels[:7])
    write_parquet("owner/set/plain/test-00000-of-00001.parquet", images[:2], labels[:2])
    data = hub_dataset("owner/set")
    assert data.inputs.shape == (12, 1, 5, 6)
    assert numbers(data) == list(range(12))
    assert data.targets.tolist() == labels
    assert data.classes == ("0", "1", "2")
    assert len(hub_dataset("owner/set", "test")) == 2


def test_limit_decodes_only_what_is_asked_for(write_parquet, grey_images, monkeypatch):
    images, labels = grey_images
    write_parquet("owner/set/plain/train-00000-of-00001.parquet", images, labels)
    opened = []
    real_open = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: opened.append(1) or real_open(*args, **kwargs))
    data = hub_dataset("owner/set", limit=6, seed=3)
    assert len(opened) == 1 + 6  # one for its size
    assert data.targets.bincount().tolist() == [2, 2, 2]
    assert [number % 3 for number in numbers(data)] == data.targets.tolist()
    assert numbers(hub_dataset("owner/set", limit=6, seed=3)) == numbers(data)
    assert numbers(hub_dataset("owner/set", limit=6, seed=4)) != numbers(data)


def test_columns_may_have_other_names_and_images_other_sizes(write_parquet, encode):
    images = [encode(Image.new("RGB", size, (255, 0, 0))) for size in ((6, 6), (9, 12))]
    write_parquet("owner/set/data/test-00000-of-00001.parquet", images, [1, 0], image="img", label="fine_label")
    with pytest.raises(InputError, match="differ in size: 6x6 .*image 0 of owner/set"):
        hub_dataset("owner/set", "test")
    data = hub_dataset("owner/set", "test", size=6)
    assert data.inputs.shape == (2, 3, 6, 6)
    assert data.inputs.mean((0, 2, 3)).tolist() == [1, 0, 0]


def test_class_names_from_the_parquet_metadata(write_parquet, grey_images):
    metadata = {"info": {"features": {"label": {"names": ["a", "b", "c"], "_type": "ClassLabel"}}}}
    write_parquet("owner/set/x/train-00000-of-00001.parquet", *grey_images, metadata=json.dumps(metadata))
    assert hub_dataset("owner/set").classes == ("a", "b", "c")


CARD = """---
dataset_info:
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '0': zero
          '1': one
          '2': two
---
# A set
"""


def test_class_names_from_the_card(write_parquet, grey_images):
    file = write_parquet("owner/set/x/train-00000-of-00001.parquet", *grey_images)
    (file.parent.parent / "README.md").write_text(CARD)
    assert hub_dataset("owner/set").classes == ("zero", "one", "two")


def test_variants_must_be_chosen(write_parquet, grey_images):
    images, labels = grey_images
    write_parquet("owner/set/small/train/0000.parquet", images[:3], labels[:3])
    write_parquet("owner/set/large/train/0000.parquet", images, labels)
    with pytest.raises(InputError, match="several variants, choose one as config: 'large', 'small'"):
        hub_dataset("owner/set")
    assert len(hub_dataset("owner/set", config="small")) == 3
    with pytest.raises(InputError, match="no variant 'huge'"):
        hub_dataset("owner/set", config="huge")


class PlayedHub:
    """Serves files of a folder as the Hub does, and remembers what was asked for."""

    def __init__(self, served, converted=()):
        self.served, self.converted, self.fetched = served, tuple(converted), []

    def dataset_info(self, repo_id, *, revision=None, timeout=None):
        names = [file.relative_to(self.served).as_posix() for file in self.served.rglob("*") if file.is_file()]
        names = [name for name in names if (name in self.converted) == (revision is not None)]
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])

    def hf_hub_download(self, repo_id, filename, *, repo_type, revision=None, local_dir):
        self.fetched.append(filename)
        target = local_dir / filename
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.served / filename, target)
        return str(target)


@pytest.fixture
def played(write_parquet, grey_images, tmp_path, monkeypatch):
    """The set "owner/far" on a played Hub and nowhere else."""
    import huggingface_hub

    images, labels = grey_images
    write_parquet("owner/far/plain/train-00000-of-00002.parquet", images[:6], labels[:6])
    write_parquet("owner/far/plain/train-00001-of-00002.parquet", images[6:], labels[6:])
    write_parquet("owner/far/plain/test-00000-of-00001.parquet", images[:3], labels[:3])
    served = tmp_path / "served"
    (tmp_path / "data" / "hub" / "owner" / "far").rename(served)
    (served / "README.md").write_text(CARD)
    hub = PlayedHub(served)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.hf_hub_download)
    return hub


def test_what_is_nowhere_is_fetched_once(played, monkeypatch):
    data = hub_dataset("owner/far")
    assert numbers(data) == list(range(12))
    assert data.classes == ("zero", "one", "two")
    assert sorted(played.fetched) == ["README.md", *(f"plain/train-0000{n}-of-00002.parquet" for n in (0, 1))]
    played.fetched.clear()
    assert len(hub_dataset("owner/far")) == 12
    monkeypatch.delenv("NETOPSY_DATA")
    assert len(hub_dataset("owner/far")) == 12
    assert played.fetched == []
    assert len(hub_dataset("owner/far", "test")) == 3
    assert "plain/test-00000-of-00001.parquet" in played.fetched


def test_a_fetch_cut_short_is_taken_up_again(played, tmp_path):
    hub_dataset("owner/far")
    (tmp_path / "cache/hub/owner/far/plain/train-00001-of-00002.parquet").unlink()
    assert len(hub_dataset("owner/far")) == 12


def test_sets_kept_in_another_format_come_from_their_converted_copy(played):
    files = [*played.served.rglob("*.parquet")]
    played.converted = tuple(file.relative_to(played.served).as_posix() for file in files)
    assert len(hub_dataset("owner/far")) == 12


def test_a_local_copy_is_never_passed_over(played, write_parquet, grey_images):
    write_parquet("owner/far/plain/train-00000-of-00001.parquet", *grey_images)
    assert len(hub_dataset("owner/far")) == 12
    with pytest.raises(InputError, match="no parquet files of a split 'test'; it has 'train'"):
        hub_dataset("owner/far", "test")
    assert played.fetched == []


def test_without_a_network_the_sentence_says_what_to_do(played, monkeypatch):
    def unreachable(*arguments, **options):
        raise ConnectionError("no route to host\nsecond line")

    monkeypatch.setattr(played, "dataset_info", unreachable)
    with pytest.raises(
        InputError, match=r"could not be fetched .*no route to host\); NETOPSY_DATA can point"
    ) as raised:
        hub_dataset("owner/far")
    assert "\n" not in str(raised.value)


def test_an_unknown_set(played, monkeypatch):
    from huggingface_hub.errors import RepositoryNotFoundError

    class MissingError(RepositoryNotFoundError):
        def __init__(self):
            """Without the response that the Hub's own would carry."""

    def missing(*arguments, **options):
        raise MissingError

    monkeypatch.setattr(played, "dataset_info", missing)
    with pytest.raises(InputError, match="there is no data set 'owner/far'"):
        hub_dataset("owner/far")


@pytest.mark.parametrize("name", ["mnist", "../x/y", "owner/..", "a/b/c", "owner/", "owner/.hidden"])
def test_names_that_are_none(name):
    with pytest.raises(InputError, match="'owner/name'"):
        hub_dataset(name)


def test_files_that_hold_something_else(write_parquet, grey_images):
    images, labels = grey_images
    write_parquet("owner/floats/x/train-00000-of-00001.parquet", images, [0.5] * 12)
    with pytest.raises(InputError, match="no column of integer labels among image, label"):
        hub_dataset("owner/floats")
    write_parquet("owner/hidden/x/test-00000-of-00001.parquet", images, [-1] * 12)
    with pytest.raises(InputError, match="no labels in this split"):
        hub_dataset("owner/hidden", "test")
    write_parquet("owner/gaps/x/train-00000-of-00001.parquet", images, [None, *labels[1:]])
    with pytest.raises(InputError, match="rows without a label"):
        hub_dataset("owner/gaps")
    write_parquet("owner/empty/x/train-00000-of-00001.parquet", [b"", *images[1:]], labels)
    with pytest.raises(InputError, match="no encoded image"):
        hub_dataset("owner/empty")
    write_parquet("owner/broken/x/train-00000-of-00001.parquet", [*images[:-1], b"junk"], labels)
    with pytest.raises(InputError, match=r"image 11 of owner/broken \(train\) cannot be read as an image"):
        hub_dataset("owner/broken")
    file = write_parquet("owner/cut/x/train-00000-of-00001.parquet", images, labels)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read as parquet"):
        hub_dataset("owner/cut")


def test_one_word_for_any_data(write_parquet, grey_images):
    write_parquet("owner/set/x/test-00000-of-00001.parquet", *grey_images)
    assert len(load_data("hub:owner/set")) == 12
    assert load_data("hub:owner/set", size=4, channels=3, limit=5).inputs.shape == (5, 3, 4, 4)
    data = Dataset(torch.rand(2, 3), torch.zeros(2))
    assert load_data(data) is data
    parts = [load_data("digits", split=split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1000, 297, 500]
    assert load_data("lfw", limit=10).targets.bincount().tolist() == [5, 5]


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("", {}, "empty string"),
        ("digit", {}, "'digits', 'lfw', 'hub:owner/name' or an image folder"),
        ("hub:mnist", {}, "'owner/name'"),
        ("digits", {"limit": 0}, "limit must be an int of at least 1"),
    ],
)
def test_words_that_mean_nothing(spec, options, message):
    with pytest.raises(InputError, match=message):
        load_data(spec, **options)


def test_unknown_split_names_the_near_ones():
    with pytest.raises(UnknownNameError, match="'train'"):
        load_data("digits", split="training")


@pytest.fixture
def real_hub(real_data):
    """The real copies of Hub sets; skips where the data folder holds none."""
    if not (real_data / "hub").is_dir():
        pytest.skip("NETOPSY_DATA has no copy of Hub data sets")


@pytest.mark.data
@pytest.mark.usefixtures("real_hub")
def test_mnist_has_its_published_statistics():
    data = hub_dataset("ylecun/mnist", "test")
    assert data.inputs.shape == (10000, 1, 28, 28)
    # The counts of the classes in the test set, and the mean brightness, are published with it.
    assert data.targets.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(data.inputs.mean().item() - 0.1325) < 1e-4


@pytest.mark.data
@pytest.mark.usefixtures("real_hub")
def test_cifar_in_part():
    data = load_data("hub:uoft-cs/cifar10", limit=500)
    assert data.inputs.shape == (500, 3, 32, 32)
    assert data.targets.bincount().tolist() == [50] * 10
    assert data.classes[3] == "cat"
    # The published channel means of the training set, which the test set shares.
    torch.testing.assert_close(data.inputs.mean((0, 2, 3)), torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    "said", ["{no", "[" * 100_000, "[]", '{"info": []}', '{"info": {"features": {"label": {"names": 3}}}}']
)
def test_metadata_of_another_shape_gives_numbers(write_parquet, grey_images, said, recwarn):
    write_parquet("owner/set/x/train-00000-of-00001.parquet", *grey_images, metadata=said)
    assert hub_dataset("owner/set").classes == ("0", "1", "2")
    told = [str(each.message) for each in recwarn]
    assert any("is no JSON; the classes may be called by their numbers" in each for each in told) == (said[1] in "n[")


CARDS = {
    "no YAML": "---\n{: [\n---\n",
    "a list": "---\n- 1\n---\n",
    "information that is a number": "---\ndataset_info: 3\n---\n",
    "features that are a word": "---\ndataset_info:\n  features: none\n---\n",
    "features that are numbers": "---\ndataset_info:\n  features: [1, 2]\n---\n",
    "names that are no names": (
        "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label: 3\n---\n"
    ),
    "names by word": (
        "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
        "        names:\n          first: cat\n---\n"
    ),
    "other letters": "---\nx: \udcff\n---\n",
}


@pytest.mark.filterwarnings("ignore:owner/set. its card")
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_card_of_another_shape_gives_numbers(write_parquet, grey_images, card):
    file = write_parquet("owner/set/x/train-00000-of-00001.parquet", *grey_images)
    (file.parents[1] / "README.md").write_bytes(card.encode("utf-8", "surrogateescape"))
    assert hub_dataset("owner/set").classes == ("0", "1", "2")


def test_a_card_with_names_is_read(write_parquet, grey_images):
    file = write_parquet("owner/set/x/train-00000-of-00001.parquet", *grey_images)
    names = "".join(f"          '{number}': {name}\n" for number, name in enumerate("abc"))
    features = f"  - name: label\n    dtype:\n      class_label:\n        names:\n{names}"
    (file.parents[1] / "README.md").write_text(f"---\ndataset_info:\n  features:\n{features}---\n")
    assert hub_dataset("owner/set").classes == ("a", "b", "c")
