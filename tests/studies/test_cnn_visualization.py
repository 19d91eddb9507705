"""The study of what a network sees: patches, verdicts on made-up tables, both presets at a small scale."""

import dataclasses

import pandas as pd
import pytest
import torch
from scipy import stats

from netopsy.data import PHOTOGRAPHS
from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.interpretability import _cnn_synthesis as synthesis
from netopsy.studies.interpretability import cnn_visualization as study
from netopsy.studies.interpretability._cnn_synthesis_verdicts import judge_synthesis, spearman_with_depth
from netopsy.studies.interpretability._patch_networks import LAYERS, Setting, network, patches, trained

SMALL = Setting(train_patches=64, test_patches=32, widths=(3, 4, 5), hidden=8, epochs=1)


def table(gain=0.4, spread=0.1, errors=(0.1, 0.3, 0.5), noise=0.01, seeds=3):
    """A made-up table: what a second network makes of preferred images, and errors by layer."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for name in "abcdefghijklmnop":
            for condition in ("none", "blur", "blur + TV + jitter"):
                mean = 0.1 + (gain if condition == "blur + TV + jitter" else 0)
                judged = {"measure": "judged", "seed": seed, "class": name, "condition": condition}
                rows.append({**judged, "value": normal(mean, spread)})
        rows += [{"measure": "natural", "seed": seed, "condition": who, "value": 0.6} for who in ("own", "judge")]
        for way in ("inverted", "expected"):
            for image in range(12):
                for depth, mean in enumerate(errors):
                    at = {"measure": way, "seed": seed, "image": image, "layer": f"layer{depth}", "depth": depth}
                    rows.append({**at, "value": normal(mean, noise)})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge_synthesis(table(**options)) if each.claim == name)


def test_both_claims_hold_where_the_table_says_so():
    priors, depth = judge_synthesis(table())
    assert (priors.verdict, depth.verdict) == ("holds", "holds")
    assert priors.estimate == pytest.approx(0.4, abs=0.05)
    assert "p_B(class) of preferred images: none 0.1" in priors.detail
    assert depth.estimate == 1
    assert "decoders instead of search" in depth.detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("cnn-visualization-1", {"gain": 0.02}, "does not hold"),
        ("cnn-visualization-1", {"gain": 0.12, "spread": 0.3}, "undecided"),
        ("cnn-visualization-2", {"errors": (0.5, 0.3, 0.1)}, "does not hold"),
        ("cnn-visualization-2", {"errors": (0.3, 0.1, 0.5)}, "does not hold"),  # larger at the end, but not in order
        ("cnn-visualization-2", {"errors": (0.1, 0.1, 0.1)}, "does not hold"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_rank_correlations_are_scipys():
    values = pd.DataFrame(torch.rand(20, 5, generator=torch.Generator().manual_seed(0)).numpy())
    values.iloc[3, 1] = values.iloc[3, 4]  # ties
    expected = [stats.spearmanr(range(5), row).statistic for row in values.to_numpy()]
    assert spearman_with_depth(values) == pytest.approx(expected)
    assert spearman_with_depth(pd.DataFrame([[0.5, 0.5, 0.5]])) == [0.0]


def test_smoke(tmp_path):
    found = run(load("cnn-visualization"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == [
        "cnn-visualization-1",
        "cnn-visualization-2",
        "cnn-visualization-3",
        "cnn-visualization-4",
    ]
    counts = found.rows["measure"].value_counts()
    assert counts["judged"] == counts["preferred"] == 16 * 9
    assert counts["inverted"] == counts["expected"] == 4 * 5
    assert counts["rebuilt"] == 2 * (1 + 2 * 5)
    assert counts["synthesis cost"] == 2 * (1 + 2)
    assert {"preferred", "judged", "reconstructions", "depth", "synthesis-cost"} <= set(found.figures)


def test_the_best_strength_counts_and_every_strength_is_tried_alike():
    parts = trained(SMALL, 0)
    setting = synthesis.InversionSetting(steps=10, strengths=(1e-4, 10.0))
    images = parts.test.inputs[:3]
    made, errors, chosen = synthesis._inverted(parts.model, LAYERS[0], images, setting, 0)
    assert errors.shape == (2, 3)
    assert torch.equal(chosen, torch.tensor(setting.strengths)[errors.argmin(0)])
    assert made.shape == images.shape
    assert torch.equal(synthesis.image_error(images, images), torch.zeros(3))
    assert torch.allclose(synthesis.image_error(2 * images, images), torch.ones(3))


def test_patches_are_of_all_photographs_and_the_two_sets_share_no_pixel():
    train, test = patches(3, 64, 48)
    assert train.inputs.shape == (64, 1, 32, 32)
    assert train.targets.bincount().tolist() == [4] * 16
    assert test.targets.bincount().tolist() == [3] * 16
    assert train.classes == PHOTOGRAPHS
    again, other = patches(3, 64, 48)[0], patches(4, 64, 48)[0]
    assert torch.equal(again.inputs, train.inputs)
    assert not torch.equal(other.inputs, train.inputs)


def test_training_patches_come_from_the_left(monkeypatch):
    """On pictures whose brightness is their column, the two sets' values do not overlap."""
    from netopsy.studies.interpretability import _patch_networks as module

    columns = torch.linspace(0, 1, 200).expand(60, 200)
    monkeypatch.setattr(module, "_reduced", lambda: (columns,) * 16)
    train, test = module.patches(0, 160, 160)
    assert train.inputs.max() < test.inputs.min()
    assert train.inputs.min() < 0.1
    assert test.inputs.max() > 0.9


def test_networks_are_seeded_and_have_the_named_layers():
    model = network(SMALL, 0)
    names = dict(model.named_modules())
    assert all(layer in names for layer in LAYERS)
    assert model(torch.rand(2, 1, 32, 32)).shape == (2, 16)
    assert torch.equal(network(SMALL, 0).features.conv1.weight, model.features.conv1.weight)
    assert not torch.equal(network(SMALL, 1).features.conv1.weight, model.features.conv1.weight)
    kept = trained(SMALL, 0, keep_states=[0, SMALL.steps])
    assert torch.equal(kept.states[0]["features.conv1.weight"], model.features.conv1.weight)
    assert torch.equal(kept.states[SMALL.steps]["features.conv1.weight"], kept.model.features.conv1.weight)
    assert not kept.model.training


@pytest.fixture
def tiny_hub(make_hub):
    return make_hub(each=6, side=32)


def test_the_paper_preset_on_a_tiny_set(tiny_hub):
    preset = load("cnn-visualization").configuration("paper")
    assert (preset.network.data, preset.network.network, preset.seeds) == ("uoft-cs/cifar10", "vgg", 5)
    assert preset.inversion.images == 500
    small = {"train_patches": 16, "test_patches": 8, "widths": (4, 4, 4), "epochs": 1, "batch_size": 8}
    few = {"decoder_images": 8, "decoder_epochs": 1, "steps": 2}
    smoke = load("cnn-visualization").configuration("smoke")
    config = dataclasses.replace(
        preset,
        seeds=1,
        network=dataclasses.replace(preset.network, data=tiny_hub, **small),
        maximisation=dataclasses.replace(preset.maximisation, starts=2, **few),
        inversion=dataclasses.replace(preset.inversion, images=2, decoder_width=8, **few),
        deconvnet=smoke.deconvnet,
        dissection=smoke.dissection,
        sides=(16,),
        counts=(1,),
    )
    cells = load("cnn-visualization").cells(config)
    rows = pd.DataFrame([{"cell": cell.name, **row} for cell in cells for row in study.measure(cell)])
    assert set(rows.loc[rows["measure"] == "inverted", "layer"]) == {"stage1", "stage2", "stage3", "stage4", "output"}
    assert len(rows[rows["measure"] == "judged"]) == 3 * 9
    assert len(study.judge(rows, config)) == 4
