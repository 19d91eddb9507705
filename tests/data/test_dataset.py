"""Data sets in memory: indexing, splitting, standardising, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from netopsy.core.errors import InputError
from netopsy.data import Dataset, Normalisation, digits, digits_split, lfw_subset
from netopsy.data.choice import choose


def dataset(n=12, classes=3):
    return Dataset(torch.arange(n * 2.0).reshape(n, 2), torch.arange(n) % classes, name="toy")


def test_indexing_agrees_with_the_tensors():
    data = dataset()
    assert torch.equal(data[2:5].inputs, data.inputs[2:5])
    assert data[[3, 1]].targets.tolist() == [0, 1]
    assert torch.equal(data[data.targets == 2].inputs, data.inputs[2::3])
    assert torch.equal(data[torch.tensor([-1])].inputs[0], data.inputs[11])
    one = data[np.int64(4)]
    assert torch.equal(one[0], data.inputs[4])
    assert one[1] == 1
    assert data[:2].name == "toy"


def test_serves_a_dataloader_and_iteration():
    batches = list(DataLoader(dataset(), batch_size=5))
    assert [len(targets) for _, targets in batches] == [5, 5, 2]
    assert len(list(dataset())) == 12


def test_moving_to_the_same_device_is_free():
    data = dataset()
    assert data.to("cpu") is data


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.lists(st.floats(0.05, 0.4), min_size=1, max_size=2),
    st.integers(0, 99),
)
@example([1, 1, 1, 8], [0.375, 0.25], 0)
def test_split_is_disjoint_and_keeps_proportions(counts, fractions, seed):
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    n = len(targets)
    if any(round(fraction * n) == 0 for fraction in fractions) or sum(round(f * n) for f in fractions) > n:
        return
    data = Dataset(torch.arange(float(n))[:, None], targets)
    parts = data.split(*fractions, seed=seed)
    chosen = torch.cat([part.inputs for part in parts]).flatten().tolist()
    assert len(set(chosen)) == len(chosen)
    for part, fraction in zip(parts, fractions, strict=True):
        assert len(part) == round(fraction * n)
        share = torch.tensor(counts) / n
        off = (part.targets.bincount(minlength=len(counts)) - share * len(part)).abs()
        # A cut leaves a class half a sample off its place, and each class leaves the place itself half a sample off.
        assert (off <= 2 * (0.5 + share * len(counts) / 2)).all()


def test_split_depends_on_its_seed_alone():
    one, two, other = (dataset(60).split(20, 10, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one[0].inputs, two[0].inputs)
    assert not torch.equal(one[0].inputs, other[0].inputs)


def test_split_without_classes_takes_anything():
    data = Dataset(torch.rand(10, 3), torch.rand(10))
    assert [len(part) for part in data.split(7, 3)] == [7, 3]
    assert [len(part) for part in dataset().split(0.5, 0.25, stratify=False)] == [6, 3]


def test_standardising_by_feature_agrees_with_scikit_learn():
    data = Dataset(torch.rand(50, 4) * 7 + 3, torch.zeros(50))
    ours = data.standardise(per="feature")
    theirs = StandardScaler().fit_transform(data.inputs.double().numpy())
    np.testing.assert_allclose(ours.inputs, theirs, atol=1e-4)


def test_standardising_by_channel_and_back():
    images = torch.rand(20, 3, 5, 5) * torch.tensor([1.0, 5.0, 0.0])[:, None, None] + 2
    data = Dataset(images, torch.zeros(20).long(), ("only",))
    standard = data.standardise()
    torch.testing.assert_close(standard.inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        standard.inputs.std((0, 2, 3), correction=0), torch.tensor([1.0, 1, 0]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(standard.images, images)
    torch.testing.assert_close(standard[3:4].images, images[3:4])


def test_test_set_takes_the_numbers_of_the_training_set():
    train, _, test = digits_split()
    train = train.standardise(per="feature")
    test = test.standardise(train)
    assert test.normalisation is train.normalisation
    torch.testing.assert_close(test.images, digits_split()[2].inputs)
    assert train.inputs.isfinite().all()


def test_normalisation_over_everything():
    shift = Normalisation.of(torch.tensor([[1.0, 3.0]]), per="all")
    assert (shift.mean.item(), shift.std.item()) == (2, 1)


def test_embedded_sets():
    data = digits()
    assert data.inputs.shape == (1797, 1, 8, 8)
    assert data.inputs.max() == 1
    data.inputs.zero_()
    assert digits().inputs.max() == 1
    train, validation, test = digits_split(seed=4)
    everything = torch.cat([part.inputs.flatten(1) for part in (train, validation, test)])
    assert len(everything.unique(dim=0)) == len(digits().inputs.flatten(1).unique(dim=0))
    faces = lfw_subset()
    assert faces.inputs.shape == (200, 1, 25, 25)
    # Faces are dark at the eyes, between forehead and cheeks; patches of background are not.
    for label, dark in ((1, True), (0, False)):
        forehead, eyes, cheeks = (
            faces[faces.targets == label].inputs[:, 0, rows, 5:20].mean()
            for rows in (slice(2, 6), slice(7, 10), slice(11, 15))
        )
        assert (eyes < min(forehead, cheeks)) == dark


def test_choosing_keeps_proportions():
    targets = torch.tensor([0] * 90 + [1] * 10)
    assert targets[choose(targets, 20, seed=3)].bincount().tolist() == [18, 2]
    assert choose(targets, None, seed=0).tolist() == list(range(100))


NAN = torch.tensor([[float("nan")]])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Dataset(torch.rand(3, 2), torch.zeros(2).long()), "one entry a sample, 3"),
        (lambda: Dataset(torch.rand(0, 2), torch.zeros(0)), "at least one sample"),
        (lambda: Dataset(torch.tensor(1.0), torch.tensor(1)), "at least one sample"),
        (lambda: Dataset(NAN, torch.zeros(1)), "inputs must be finite"),
        (lambda: Dataset(torch.rand(1, 2), NAN[0]), "targets must be finite"),
        (lambda: Dataset(torch.zeros(2, 2).byte(), torch.zeros(2)), "inputs must be float, .* got torch.uint8"),
        (lambda: Dataset(torch.rand(2, 2), torch.zeros(2).bool()), "int64 class numbers or floats, got torch.bool"),
        (lambda: Dataset(torch.rand(2, 2), torch.tensor([0, -1])), "from 0 up, got -1"),
        (lambda: Dataset(torch.rand(2, 2), torch.tensor([0, 2]), ("a", "b")), "number of classes, 2, got 2"),
        (lambda: dataset()[5:5], "selects no sample"),
        (lambda: dataset()[torch.zeros(12).bool()], "at least one sample"),
        (lambda: dataset()[torch.zeros(3).bool()], "a mask must have shape"),
        (lambda: dataset()[[12]], "within the 12 samples, got 12"),
        (lambda: dataset()[torch.rand(2)], "ints or a mask"),
        (lambda: dataset().split(), "at least one part"),
        (lambda: dataset().split(10, 3), "at most 12 samples, got 13"),
        (lambda: dataset().split(1.5), "fractions between 0 and 1, got 1.5"),
        (lambda: dataset().split(0), "counts from 1 up"),
        (lambda: dataset().split(0.01), "leave no part empty"),
        (lambda: dataset().standardise(per="row"), "per must be"),
        (lambda: dataset().standardise().standardise(), "standardised already"),
        (lambda: dataset().standardise(dataset()), "like must be"),
        (lambda: Dataset(torch.zeros(2, 2).long(), torch.zeros(2)).standardise(), "only float inputs"),
        (lambda: Dataset(torch.rand(3), torch.zeros(3)).standardise(), "channel axis"),
        (lambda: Normalisation(torch.zeros(2), torch.zeros(2)), "std must be positive"),
        (lambda: Normalisation(torch.zeros(2), torch.ones(3)), "shape of mean"),
        (lambda: choose(torch.zeros(3).long(), 0, seed=0), "limit must be an int of at least 1"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_large_finite_values_are_not_taken_for_infinite_ones():
    huge = torch.full((4, 1), 3e38)
    assert Dataset(huge, torch.zeros(4)).inputs.sum().isinf()


ODD = {
    "nested": lambda: torch.nested.nested_tensor([torch.rand(2), torch.rand(3)]),
    "meta": lambda: torch.ones(2, 2, device="meta"),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "complex": lambda: torch.ones(2, 2, dtype=torch.complex64),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.quint8),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_tensors_of_another_kind_are_refused(odd, unchecked):
    with pytest.raises(InputError, match="inputs must be an ordinary dense tensor, got "):
        Dataset(odd(), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="targets must be an ordinary dense tensor, got "):
        Dataset(torch.rand(2, 2), odd())
    with pytest.raises(InputError, match="inputs must be a tensor, got list"):
        Dataset([1.0], torch.tensor([0]))
