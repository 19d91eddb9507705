"""Fitted estimators and graphs on disk: the same afterwards, and nothing taken for what it is not."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core import stored
from netopsy.interpretability.causal_paths import CausalGraph
from netopsy.interpretability.causal_paths.graph import LayerCauses
from netopsy.interpretability.concept_lens import ConceptLens
from netopsy.interpretability.concept_lens import keeping as lens_keeping
from netopsy.interpretability.layer_maps import TokenGrid, token_grid
from netopsy.interpretability.pattern_net import PatternMiner, VisualPattern
from netopsy.interpretability.pattern_net import keeping as miner_keeping


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
    )


IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("method", ["nmf", "pca", "kmeans"])
def test_a_lens_comes_back_bit_for_bit(tmp_path, method):
    model, path = net(), tmp_path / "lens"
    lens = ConceptLens(model, "1", 2, method=method, centre=method == "pca", seed=3)
    taken = int(lens.fit(IMAGES).split_.tail(lens.split_.head(IMAGES)).argmax(1).mode().values)
    lens.fit(IMAGES, taken)
    lens.save(path)
    again = ConceptLens.load(path, model)
    for name in ("bank_", "mean_", "codes_"):
        assert torch.equal(getattr(again.extractor_, name), getattr(lens.extractor_, name))
    assert torch.equal(again.indices_, lens.indices_)
    assert torch.equal(again.encode(IMAGES), lens.encode(IMAGES))
    assert torch.equal(again.concept_maps(IMAGES), lens.concept_maps(IMAGES))
    assert torch.equal(again.importance(IMAGES, 1, "ri"), lens.importance(IMAGES, 1, "ri"))
    assert torch.equal(again.fit(IMAGES).encode(IMAGES), lens.fit(IMAGES).encode(IMAGES))


def test_a_lens_of_tokens_keeps_their_grid(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 4, 4, 4), nn.Flatten(2), Swap(), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    lens = ConceptLens(model, "3", 2, reshape=token_grid(2, 2, 0)).fit(IMAGES)
    lens.save(tmp_path / "lens")
    assert torch.equal(ConceptLens.load(tmp_path / "lens", model).concept_maps(IMAGES), lens.concept_maps(IMAGES))
    lens.reshape = lambda tokens: tokens
    with pytest.raises(InputError, match="must be a token_grid to be saved"):
        lens.save(tmp_path / "other")


class Swap(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


@pytest.mark.parametrize("method", ["mine", "net"])
@pytest.mark.filterwarnings("ignore:no pattern")
def test_a_miner_comes_back_bit_for_bit(tmp_path, method):
    model, path = net(), tmp_path / "miner"
    options = {"min_support": 0.05, "min_lift": 0.05, "radius": None, "quantile": 0.3, "min_size": 1}
    miner = PatternMiner(model, "1", method=method, **options).fit(IMAGES, torch.arange(40) % 2)
    assert miner.patterns_
    miner.save(path)
    again = PatternMiner.load(path, model)
    assert again.patterns_ == miner.patterns_
    assert again.field_ == miner.field_
    assert (again.quantile_, again.layer_) == (miner.quantile_, miner.layer_)
    assert torch.equal(again.transform(IMAGES), miner.transform(IMAGES))
    assert torch.equal(again.fires(IMAGES), miner.fires(IMAGES))
    for one, other in zip(again.propose(IMAGES[:5]), miner.propose(IMAGES[:5]), strict=True):
        assert torch.equal(one, other)
    if method == "net":
        peaks = torch.rand(5, len(again.layers_.thresholds))
        assert torch.equal(again.layers_(peaks), miner.layers_(peaks))
    fitted = again.fit(IMAGES, torch.arange(40) % 2)
    assert fitted.patterns_ == miner.patterns_


def graph():
    numbers = torch.tensor([0, 2])
    wide = torch.tensor([[0.5, torch.nan, -1.0]]).expand(3, 3)
    top = LayerCauses("out", numbers, torch.tensor([1]), 5, torch.arange(3), *wide, torch.tensor([1.0, 2, 3]), "z test")
    below = replace(top, name="hidden", effects=numbers, rule="input")
    return CausalGraph(1, (top, below), 7, 0.25, float("nan"))


def test_a_causal_graph_comes_back_bit_for_bit(tmp_path):
    one = graph()
    one.save(tmp_path / "graph")
    other = CausalGraph.load(tmp_path / "graph")
    assert (one.target, one.images, one.score_mean) == (other.target, other.images, other.score_mean)
    assert other.score_sd != other.score_sd
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        assert (ours.name, ours.nodes, ours.rule) == (theirs.name, theirs.nodes, theirs.rule)
        for name in ("causes", "effects", "tested", "effect_mean", "relative_mean", "kl_mean", "z"):
            torch.testing.assert_close(getattr(theirs, name), getattr(ours, name), rtol=0, atol=0, equal_nan=True)
    assert one.nodes() == other.nodes()


def test_other_networks_and_files_of_another_kind_are_refused(tmp_path):
    lens, miner, path = tmp_path / "lens", tmp_path / "miner", tmp_path / "graph"
    with pytest.raises(InputError, match="call fit first"):
        ConceptLens(net(), "1", 2).save(lens)
    with pytest.raises(InputError, match="call fit"):
        PatternMiner(net(), "1").save(miner)
    ConceptLens(net(), "1", 2).fit(IMAGES).save(lens)
    PatternMiner(net(), "1", min_support=0.05, min_lift=0.05, quantile=0.3).fit(IMAGES, torch.arange(40) % 2).save(
        miner
    )
    graph().save(path)
    for load in (ConceptLens.load, PatternMiner.load):
        with pytest.raises(InputError, match="its weights are others"):
            load(lens if load == ConceptLens.load else miner, net(seed=1))
        with pytest.raises(InputError, match="something else than the"):
            load(path, net())
        with pytest.raises(InputError, match="there is no file"):
            load(tmp_path / "none", net())
    with pytest.raises(InputError, match="something else than a causal graph"):
        CausalGraph.load(lens)
    same = net()
    same.load_state_dict(net().state_dict())
    assert ConceptLens.load(lens, same).encode(IMAGES).shape[-1] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"bank": torch.zeros(3, 6)},
        {"mean": torch.zeros(5)},
        {"codes": torch.zeros(4, 3)},
        {"precision": "torch.nn"},
        {"layer": "gone"},
        {"batch_size": 0},
        {"method": "magic"},
        {"bank": torch.zeros(2, 6, dtype=torch.int64)},
    ],
    ids=str,
)
def test_lenses_that_do_not_hold_together_are_refused(tmp_path, change):
    model, path = net(), tmp_path / "lens"
    ConceptLens(model, "1", 2).fit(IMAGES).save(path)
    kept = stored.read_record(path, lens_keeping.KIND, lens_keeping.Kept, records=(TokenGrid,))
    stored.write_record(path, lens_keeping.KIND, _changed(kept, change), records=(TokenGrid,))
    with pytest.raises(InputError):
        ConceptLens.load(path, model)


@pytest.mark.parametrize(
    "change",
    [
        {"means": torch.zeros(5)},
        {"layer": "gone"},
        {"patterns": [VisualPattern(0, (0, 6), 1.0, 0.0, 1.0, 1, 1, (0.0, 0.0, 1.0, 1.0))]},
        {"patterns": [VisualPattern(0, (), 1.0, 0.0, 1.0, 1, 1, (0.0, 0.0, 1.0, 1.0))]},
        {"layers": {"free": torch.zeros(2, 2), "output.weight": torch.zeros(2, 2)}},
        {"layers": {}},
    ],
    ids=str,
)
def test_miners_that_do_not_hold_together_are_refused(tmp_path, change):
    model, path = net(), tmp_path / "miner"
    PatternMiner(model, "1", min_support=0.05, min_lift=0.05, quantile=0.3).fit(IMAGES, torch.arange(40) % 2).save(path)
    kept = stored.read_record(path, miner_keeping.KIND, miner_keeping.Kept, records=miner_keeping._RECORDS)
    stored.write_record(path, miner_keeping.KIND, _changed(kept, change), records=miner_keeping._RECORDS)
    with pytest.raises(InputError):
        PatternMiner.load(path, model)


@pytest.mark.parametrize("change", [{"causes": torch.tensor([5])}, {"tested": torch.tensor([-1, 0, 1])}, {"nodes": 1}])
def test_graphs_with_nodes_that_are_none_are_refused(tmp_path, change):
    one = graph()
    replace(one, layers=(one.layers[0], replace(one.layers[1], **change))).save(tmp_path / "graph")
    with pytest.raises(InputError, match="cannot have"):
        CausalGraph.load(tmp_path / "graph")


def _changed(kept, change):
    """A copy with other fields, whatever their types: what a file may hold."""
    copy = object.__new__(type(kept))
    copy.__dict__.update({**kept.__dict__, **change})
    return copy
