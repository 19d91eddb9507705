"""Bad input to single options and arguments: one sentence, exit code 2, nothing touched.

What every command and every method on images refuses is in `tests/contract`; here is what only some of them take.
"""

import math
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

import netopsy
from netopsy.catalogue import claim, in_room, paper
from netopsy.catalogue.search import search
from netopsy.cli import main
from netopsy.core.capture import layer_activations, layer_gradients
from netopsy.core.masks import apply_masks, prunable_parameters
from netopsy.core.parameters import flatten, interpolate, random_direction, unflatten
from netopsy.core.seeds import derive, generator, seeded
from netopsy.data import Dataset, digits, digits_split, hub_dataset, image_folder
from netopsy.data.load import load_data
from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    class_sensitivity,
    combine_layers,
    grad_cam,
    gradient_saliency,
    meta_saliency,
    norm_grad,
    pointing_accuracy,
    pointing_game,
    selective_norm_grad,
    token_grid,
)
from netopsy.lab import load_evidence, run
from netopsy.models import conv_net, initialise, mlp, resnet, resnet18, unet, vgg
from netopsy.sparsity.lottery_ticket import (
    iterative_magnitude_pruning,
    iterative_magnitude_pruning_many,
    magnitude_masks,
    reinitialise,
    shuffle_masks,
)
from netopsy.studies import load
from netopsy.training import Recipe, evaluate, fit, fit_many, trainer


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder full of things that must stay as they are; nothing is fetched, nothing cached in it."""
    place = tmp_path / "here"
    (place / "precious").mkdir(parents=True)
    (place / "precious" / "thesis.tex").write_text("years of work")
    (place / "photos" / "cat").mkdir(parents=True)
    (place / "photos" / "cat" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (place / "empty").mkdir()
    (place / "torn.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    (place / "notes.txt").write_text("no weights")
    (place / "code.pt").write_bytes(pickle.dumps(RunsCode()))
    torch.save({"fc.weight": torch.ones(2, 2)}, place / "other.pt")
    (tmp_path / "data" / "hub" / "nobody" / "nothing").mkdir(parents=True)
    monkeypatch.setenv("NETOPSY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))
    (place / "broken_module.py").write_text("raise RuntimeError('the first line\\nand the second')")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.chdir(place)
    return place


def snapshot(folder):
    """Every path below ``folder`` with what is in it and when it was changed."""
    return {
        path.relative_to(folder): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def is_one_sentence(errors):
    (line,) = errors.splitlines()
    assert line.startswith("netopsy: ")
    assert len(line) > len("netopsy: ") + 10
    assert "Traceback" not in line


NET = ["examine", "--model", "netopsy.models:small_conv_net"]
ON_DIGITS = [*NET, "--data", "digits"]

COMMANDS = {
    # the command line itself
    "unknown command": (["exmine"], "exmine"),
    "option before the command": (["--preset", "smoke", "reproduce", "norm-grad"], "--preset"),
    "empty command": ([""], "No such command"),
    # papers
    "papers: option without value": (["papers", "--room"], "--room"),
    "papers: two queries": (["papers", "pruning", "saliency"], "saliency"),
    "papers: blank query": (["papers", "  "], "query must be"),
    "papers: room": (["papers", "--room", "garage"], "unknown room 'garage'"),
    "papers: room and query": (["papers", "pruning", "--room", "sparcity"], "did you mean 'sparsity'"),
    "papers: status": (["papers", "--status", "soon"], "unknown status 'soon'"),
    "papers: limit of another type": (["papers", "--limit", "2.5"], "--limit"),
    "papers: limit below 1": (["papers", "--limit", "-3", "--json"], "--limit must be at least 1"),
    # show
    "show: two papers": (["show", "norm-grad", "lottery-ticket"], "lottery-ticket"),
    "show: unknown": (["show", "norm_grad", "--json"], "did you mean 'norm-grad'"),
    "show: a path": (["show", "precious/thesis.tex"], "unknown paper"),
    # reproduce
    "reproduce: unknown": (["reproduce", "lottery"], "did you mean 'lottery-ticket'"),
    "reproduce: planned": (["reproduce", "poincare-resnet"], "unknown study 'poincare-resnet'"),
    "reproduce: blank": (["reproduce", ""], "unknown study ''"),
    "reproduce: no module": (["reproduce", "no.such.module:STUDY"], "cannot be loaded"),
    "reproduce: broken module": (["reproduce", "broken_module:STUDY"], "RuntimeError: the first line"),
    "reproduce: no study": (["reproduce", "math:pi"], "must be a netopsy.lab.Study"),
    "reproduce: relative module": (["reproduce", ".module:STUDY"], "cannot be loaded"),
    "reproduce: only a colon": (["reproduce", ":"], "cannot be loaded"),
    "reproduce: preset": (["reproduce", "norm-grad", "--preset", "tiny"], "unknown preset 'tiny'"),
    "reproduce: preset without value": (["reproduce", "norm-grad", "--preset"], "--preset"),
    "reproduce: seeds": (["reproduce", "norm-grad", "--seeds", "0"], "seeds must be a positive int"),
    "reproduce: seeds of another type": (["reproduce", "norm-grad", "--seeds", "3.5"], "--seeds"),
    "reproduce: workers": (["reproduce", "norm-grad", "--workers", "-2"], "workers must be"),
    "reproduce: workers of another type": (["reproduce", "norm-grad", "--workers", "all"], "--workers"),
    "reproduce: cluster": (["reproduce", "norm-grad", "--cluster", "localhost"], "cluster must be"),
    "reproduce: cluster and workers": (
        ["reproduce", "norm-grad", "--cluster", "tcp://127.0.0.1:1", "--workers", "1"],
        "exclude each other",
    ),
    "reproduce: out is somebody's": (["reproduce", "norm-grad", "--out", "precious"], "thesis.tex"),
    "reproduce: out is a file": (["reproduce", "norm-grad", "--out", "notes.txt"], "is a file"),
    "reproduce: out below a file": (["reproduce", "norm-grad", "--out", "notes.txt/run"], "is a file"),
    "reproduce: out of two": (["reproduce", "norm-grad", "lottery-ticket", "--out", "x"], "takes one paper"),
    "reproduce: second unknown": (["reproduce", "norm-grad", "nothing"], "unknown study 'nothing'"),
    # graph
    "graph: unknown command": (["graph", "colour", "photos"], "colour"),
    "graph orbits: a folder": (["graph", "orbits", "photos"], "must be a file, and is a folder"),
    "graph orbits: no graph": (["graph", "orbits", "precious/thesis.tex"], "graph file ending"),
    "graph orbits: keys": (["graph", "orbits", "notes.txt", "--keys", "3-3"], "--keys"),
    "graph orbits: table": (["graph", "orbits", "notes.txt", "--table", "xlsx"], "unknown table format 'xlsx'"),
    "graph orbits: out is somebody's": (["graph", "orbits", "notes.txt", "--out", "precious"], "left as it is"),
    # examine
    "examine: argument": (["examine", "model.pt"], "model.pt"),
    "examine: model without data": (NET, "--data"),
    "examine: weights without model": (["examine", "--weights", "other.pt"], "--model"),
    "examine: data without model": (["examine", "--data", "photos"], "--model"),
    "examine: model without factory": (["examine", "--model", "netopsy", "--data", "digits"], "package.module:factory"),
    "examine: no module": (["examine", "--model", "nowhere:net", "--data", "digits"], "no module 'nowhere'"),
    "examine: broken module": (["examine", "--model", "broken_module:net", "--data", "digits"], "cannot be imported"),
    "examine: no factory": (["examine", "--model", "netopsy.models:net", "--data", "digits"], "has no 'net'"),
    "examine: no network": (["examine", "--model", "os:getcwd", "--data", "digits"], "nn.Module"),
    "examine: factory wants more": (["examine", "--model", "netopsy.models:mlp", "--data", "digits"], "sizes"),
    "examine: empty folder": ([*NET, "--data", "empty"], "no subfolders"),
    "examine: data is a file": ([*NET, "--data", "notes.txt"], "not a folder"),
    "examine: torn image": ([*NET, "--data", "photos"], "torn.png"),
    "examine: no Hub name": ([*NET, "--data", "hub:mnist"], "owner/name"),
    "examine: nothing on the Hub": ([*NET, "--data", "hub:nobody/nothing"], "no parquet files"),
    "examine: split": ([*ON_DIGITS, "--split", "exam"], "unknown split 'exam'"),
    "examine: train": ([*ON_DIGITS, "--train", "nowhere"], "'nowhere'"),
    "examine: size of digits": ([*ON_DIGITS, "--size", "16"], "size is for image folders"),
    "examine: size of another type": ([*ON_DIGITS, "--size", "big"], "--size"),
    "examine: limit": ([*ON_DIGITS, "--limit", "0"], "--limit must be at least 1"),
    "examine: no weights": ([*ON_DIGITS, "--weights", "w.pt"], "w.pt"),
    "examine: weights are a folder": ([*ON_DIGITS, "--weights", "precious"], "precious"),
    "examine: weights are text": ([*ON_DIGITS, "--weights", "notes.txt"], "notes.txt"),
    "examine: torn weights": ([*ON_DIGITS, "--weights", "torn.safetensors"], "torn.safetensors"),
    "examine: weights that run code": ([*ON_DIGITS, "--weights", "code.pt"], "code.pt"),
    "examine: other weights": ([*ON_DIGITS, "--weights", "other.pt"], "fc.weight"),
    "examine: layer": ([*ON_DIGITS, "--layer", "stem"], "unknown layer 'stem'"),
    "examine: classes": ([*ON_DIGITS, "--classes", "3,cat"], "'cat'"),
    "examine: class out of range": ([*ON_DIGITS, "--classes", "11"], "11"),
    "examine: instruments": (["examine", "--instruments", "horoscope"], "unknown instrument 'horoscope'"),
    "examine: budget": (["examine", "--budget", "nan"], "--budget"),
    "examine: budget of another type": (["examine", "--budget", "1h"], "--budget"),
    "examine: seed": (["examine", "--seed", "-1"], "--seed"),
    "examine: device": ([*ON_DIGITS, "--device", "abacus"], "--device"),
    "examine: means that are no numbers": ([*ON_DIGITS, "--mean", "grey"], "--mean"),
    "examine: means and deviations": ([*ON_DIGITS, "--mean", "0.1,0.2", "--std", "1,1,1"], "--mean and --std"),
    "examine: out is somebody's": (["examine", "--out", "precious"], "precious"),
    "examine: out is a file": (["examine", "--out", "notes.txt"], "notes.txt"),
    "examine: out below a file": (["examine", "--out", "notes.txt/report"], "notes.txt"),
    # evidence
    "evidence: argument": (["evidence", "norm-grad"], "norm-grad"),
    "evidence: flag with a value": (["evidence", "--json=yes"], "--json"),
}


@pytest.mark.parametrize(("arguments", "says"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_says_what_is_wrong_and_touches_nothing(arguments, says, here, capsys, unchecked):
    before = snapshot(here)
    code = main(list(arguments))
    output = capsys.readouterr()
    assert code == 2, output.err
    assert output.out == ""
    is_one_sentence(output.err)
    assert says in output.err
    assert snapshot(here) == before


@pytest.mark.parametrize("name", ["unknown command", "papers: room", "examine: weights that run code"])
def test_and_so_it_does_in_a_process_of_its_own(name, here):
    arguments, says = COMMANDS[name]
    before = snapshot(here)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "netopsy", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    is_one_sentence(done.stderr)
    assert says in done.stderr
    assert snapshot(here) == before
    assert not (here / "owned").exists()


DATA = digits()[:40]
IMAGES = DATA.inputs[:3]
MAPS = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0))
MASKS = MAPS > 0.5
ONE = Recipe(steps=1)
RATED = Dataset(DATA.inputs, torch.rand(40, generator=torch.Generator().manual_seed(0)))


def net(classes=10):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    ).eval()


def small(outputs=10):
    return mlp([64, 4, outputs])


def tickets(model=None, rounds=1, train=None, **options):
    return iterative_magnitude_pruning(model or small(), train or trainer(DATA, ONE), rounds, **options)


def seen(method, images=IMAGES, target=1, layer="1", model=None, **options):
    return method(model or net(), images, target, layer, **options)


FUNCTIONS = {
    "examine: model": (lambda: netopsy.examine("resnet", DATA), "model must be a torch nn.Module, got str"),
    "examine: data": (lambda: netopsy.examine(net(), 5), "data must be"),
    "examine: named data": (lambda: netopsy.examine(net(), "nowhere"), "data must be one of"),
    "examine: train": (lambda: netopsy.examine(net(), DATA, train=3), "train must be"),
    "examine: labels": (lambda: netopsy.examine(net(), RATED), "data must have one class number"),
    "examine: lengths": (lambda: netopsy.examine(net(), (DATA.inputs, DATA.targets[:3])), "targets must have"),
    "examine: size": (lambda: netopsy.examine(mlp([5, 10]), DATA), "samples have shape"),
    "examine: classes of data": (lambda: netopsy.examine(net(3), DATA), "data has"),
    "examine: layers": (lambda: netopsy.examine(net(), DATA, layers=["stem"]), "unknown layer 'stem'"),
    "examine: classes": (lambda: netopsy.examine(net(), DATA, classes=["cat"]), "unknown class 'cat'"),
    "examine: class number": (lambda: netopsy.examine(net(), DATA, classes=[10]), "class 10"),
    "examine: instruments": (lambda: netopsy.examine(net(), DATA, instruments=["tarot"]), "unknown instrument"),
    "examine: class by half": (lambda: netopsy.examine(net(), DATA, classes=[1.5]), "unknown class 1.5"),
    "examine: budget": (lambda: netopsy.examine(net(), DATA, budget="1h"), "budget must be"),
    "examine: seed": (lambda: netopsy.examine(net(), DATA, seed=-1), "seed must be"),
    "examine: recipe": (lambda: netopsy.examine(net(), DATA, recipe={"steps": 9}), "recipe must be"),
    "examine: initialisation": (lambda: netopsy.examine(net(), DATA, initialisation="best"), "unknown initialisation"),
    "examine: names in one": (lambda: netopsy.examine(net(), DATA, layers="0"), "layers must be a list"),
    "fit: model": (lambda: fit(nn.Linear, DATA, ONE), "model must be a torch nn.Module, got the class Linear"),
    "fit: frozen model": (lambda: fit(small().requires_grad_(False), DATA, ONE), "model has no parameter"),
    "fit: data": (lambda: fit(small(), DATA.inputs, ONE), "data must be a netopsy Dataset, got Tensor"),
    "fit: recipe": (lambda: fit(small(), DATA, {"steps": 1}), "recipe must be"),
    "fit: seed": (lambda: fit(small(), DATA, ONE, seed=-1), "seed must be a non-negative int"),
    "fit: patience": (lambda: fit(small(), DATA, ONE, patience=2), "patience"),
    "fit: evaluation": (lambda: fit(small(), DATA, ONE, evaluation=[DATA]), "evaluation must be"),
    "fit: evaluation by name": (lambda: fit(small(), DATA, ONE, evaluation={"a": IMAGES}), "evaluation['a'] must be"),
    "fit: evaluate_every": (lambda: fit(small(), DATA, ONE, evaluation=DATA, evaluate_every=0), "evaluate_every"),
    "fit: start_step": (lambda: fit(small(), DATA, ONE, start_step=9), "start_step must be from 0 to 1"),
    "fit: keep_states": (lambda: fit(small(), DATA, ONE, keep_states=[9]), "keep_states must be from 0 to 1"),
    "fit: masks": (lambda: fit(small(), DATA, ONE, masks={"x": MASKS}), "unknown parameter in masks"),
    "fit: checkpoint_every": (lambda: fit(small(), DATA, ONE, checkpoint_every=0), "checkpoint_every"),
    "fit: inputs": (lambda: fit(mlp([65, 10]), DATA, ONE), "inputs of shape (2, 1, 8, 8) do not go through"),
    "fit: few outputs": (lambda: fit(small(3), DATA, ONE), "data has a class"),
    "fit: classes as ratings": (lambda: fit(small(), RATED, ONE), "loss='cross_entropy' needs"),
    "fit: bce": (lambda: fit(small(), DATA, Recipe(steps=1, loss="bce")), "loss='bce' needs float targets"),
    "fit: mse": (lambda: fit(small(), DATA, Recipe(steps=1, loss="mse")), "loss='mse' needs a target for each"),
    "fit_many: models": (lambda: fit_many([], DATA, ONE, seeds=[]), "models is empty"),
    "fit_many: no network": (lambda: fit_many(["mlp"], DATA, ONE, seeds=[0]), "model must be"),
    "fit_many: architectures": (lambda: fit_many([small(), small(3)], DATA, ONE, seeds=[0, 1]), "models must all"),
    "fit_many: number of seeds": (lambda: fit_many([small()], DATA, ONE, seeds=[0, 1]), "seeds must have one entry"),
    "fit_many: seeds": (lambda: fit_many([small()], DATA, ONE, seeds=["a"]), "seed must be"),
    "fit_many: masks": (lambda: fit_many([small()], DATA, ONE, seeds=[0], masks=[]), "masks must have one entry"),
    "fit_many: keep_states": (lambda: fit_many([small()], DATA, ONE, seeds=[0], keep_states=[-1]), "keep_states"),
    "fit_many: few outputs": (lambda: fit_many([small(3)], DATA, ONE, seeds=[0]), "data has a class"),
    "evaluate: model": (lambda: evaluate("mlp", DATA), "model must be a torch nn.Module"),
    "evaluate: data": (lambda: evaluate(small(), DATA.inputs), "data must be"),
    "evaluate: loss": (lambda: evaluate(small(), DATA, loss="hinge"), "unknown loss 'hinge'"),
    "evaluate: batch_size": (lambda: evaluate(small(), DATA, batch_size=0), "batch_size must be"),
    "evaluate: inputs": (lambda: evaluate(mlp([3, 10]), DATA), "inputs of shape"),
    "evaluate: few outputs": (lambda: evaluate(small(3), DATA), "data has a class"),
    "Recipe: steps": (lambda: Recipe(steps=1.5), "steps must be an int"),
    "Recipe: batch_size": (lambda: Recipe(batch_size="60"), "batch_size must be an int"),
    "Recipe: lr": (lambda: Recipe(lr=math.inf), "lr must be a finite number"),
    "Recipe: lr in words": (lambda: Recipe(lr="fast"), "lr must be a finite number"),
    "Recipe: momentum": (lambda: Recipe(momentum=1.0), "momentum must be in [0, 1)"),
    "Recipe: weight_decay": (lambda: Recipe(weight_decay=math.nan), "weight_decay must be"),
    "Recipe: optimizer": (lambda: Recipe(optimizer="sdg"), "did you mean 'sgd'"),
    "Recipe: schedule": (lambda: Recipe(schedule=None), "unknown schedule None"),
    "Recipe: milestones": (lambda: Recipe(schedule="step", milestones=(-3,)), "milestones must be"),
    "digits_split: sizes": (lambda: digits_split(sizes=(1000, 1000)), "sizes must add up"),
    "digits_split: size in words": (lambda: digits_split(sizes=("half",)), "sizes must be"),
    "digits_split: seed": (lambda: digits_split(seed=2**70), "seed must be"),
    "load_data: kind": (lambda: load_data(3), "data must be a name, a folder or a Dataset"),
    "load_data: name": (lambda: load_data("mnist"), "data must be one of"),
    "load_data: split": (lambda: load_data("digits", split="exam"), "unknown split 'exam'"),
    "load_data: limit": (lambda: load_data("digits", limit=1.5), "limit must be an int"),
    "load_data: channels": (lambda: load_data("digits", channels=3), "channels is for"),
    "image_folder: path": (lambda: image_folder("nowhere"), "there is no folder 'nowhere'"),
    "image_folder: no path": (lambda: image_folder(None), "image folder must be given as a path"),
    "hub_dataset: name": (lambda: hub_dataset("../../etc/passwd"), "name must be"),
    "hub_dataset: no name": (lambda: hub_dataset(5), "name must be"),
    "Dataset: lengths": (lambda: Dataset(DATA.inputs, DATA.targets[:2]), "targets must have one entry a sample"),
    "Dataset: NaN": (lambda: Dataset(DATA.inputs * math.nan, DATA.targets), "inputs must be finite"),
    "mlp: sizes": (lambda: mlp(64), "sizes must be several ints"),
    "mlp: one size": (lambda: mlp([64]), "sizes must name at least"),
    "mlp: activation": (lambda: mlp([64, 10], activation="swish"), "unknown activation 'swish'"),
    "mlp: seed": (lambda: mlp([64, 10], seed="lucky"), "seed must be"),
    "conv_net: depth": (lambda: conv_net(3), "depth must be 2, 4 or 6"),
    "conv_net: size": (lambda: conv_net(2, size="big"), "size must be"),
    "conv_net: hidden": (lambda: conv_net(2, hidden=5), "hidden must be"),
    "resnet: depth": (lambda: resnet(21), "depth must be"),
    "resnet: shortcut": (lambda: resnet(8, shortcut="none"), "shortcut must be"),
    "resnet18: stem": (lambda: resnet18(stem="huge"), "unknown stem 'huge'"),
    "vgg: depth": (lambda: vgg([16]), "depth must be 11, 13, 16 or 19"),
    "vgg: size": (lambda: vgg(11, size=8), "size must be at least 16"),
    "unet: widths": (lambda: unet(1, widths=(3,)), "widths must name"),
    "unet: images": (lambda: unet(1, widths=(2, 3, 4))(torch.zeros(1, 1, 2, 2)), "images must be at least"),
    "initialise: model": (lambda: initialise({}), "model must be"),
    "initialise: scheme": (lambda: initialise(small(), "xavier"), "unknown initialisation scheme 'xavier'"),
    "initialise: gain": (lambda: initialise(small(), gain=math.inf), "gain must be"),
    "initialise: seed": (lambda: initialise(small(), seed=-1), "seed must be"),
    "norm_grad: vector": (lambda: seen(norm_grad, layer="4"), "layer '4' gives (3, 10), which is no grid"),
    "norm_grad: targets": (lambda: seen(norm_grad, target=torch.tensor([1])), "target must be a class index"),
    "norm_grad: kernel_size": (lambda: seen(norm_grad, kernel_size=2), "kernel_size must be"),
    "norm_grad: extract": (lambda: seen(norm_grad, extract="all"), "unknown extract 'all'"),
    "backprop_saliency: aggregate": (lambda: seen(backprop_saliency, aggregate="mean"), "unknown aggregate 'mean'"),
    "grad_cam: layers": (lambda: seen(grad_cam, layer=[]), "layer must name at least one"),
    "selective_norm_grad: twice": (lambda: seen(selective_norm_grad, layer=["1", "1"]), "the same layer twice"),
    "gradient_saliency: relu": (lambda: seen(gradient_saliency, relu="best"), "unknown relu rule 'best'"),
    "token_grid: size": (lambda: token_grid(0, 3), "height and width must be"),
    "combine_layers: none": (lambda: combine_layers({}), "maps must hold"),
    "combine_layers: list": (lambda: combine_layers([MAPS]), "maps must map names to tensors, got list"),
    "combine_layers: shapes": (lambda: combine_layers({"a": MAPS, "b": MAPS[:1]}), "maps must have one shape"),
    "combine_layers: NaN": (lambda: combine_layers({"a": MAPS * math.nan}), "maps['a'] must be finite"),
    "combine_layers: weights": (lambda: combine_layers({"a": MAPS}, {"a": "much"}), "weights must be"),
    "combine_layers: mode": (lambda: combine_layers({"a": MAPS}, mode="max"), "unknown mode 'max'"),
    "pointing_game: shapes": (lambda: pointing_game(MAPS, MASKS[:1]), "maps and masks must have one shape"),
    "pointing_game: masks": (lambda: pointing_game(MAPS, MAPS), "masks must be bool"),
    "pointing_game: tolerance": (lambda: pointing_game(MAPS, MASKS, -1), "tolerance must be"),
    "pointing_accuracy: none": (lambda: pointing_accuracy(MASKS[0, 0, :0], MASKS[0, 0, :0].long()), "hits and classes"),
    "class_sensitivity: method": (lambda: class_sensitivity("norm_grad", net(), IMAGES, layer="1"), "method must be"),
    "class_sensitivity: model": (lambda: class_sensitivity(norm_grad, net(1), IMAGES, layer="1"), "model must give"),
    "meta_saliency: method": (lambda: meta_saliency(None, net(), IMAGES, 1, layer="1"), "method must be"),
    "meta_saliency: lr": (lambda: meta_saliency(norm_grad, net(), IMAGES, 1, lr=math.nan, layer="1"), "lr must be"),
    "meta_saliency: chunk": (lambda: meta_saliency(norm_grad, net(), IMAGES, 1, chunk=0, layer="1"), "chunk must be"),
    "magnitude_masks: weights": (lambda: magnitude_masks([MAPS]), "weights must map names to tensors"),
    "magnitude_masks: no weights": (lambda: magnitude_masks({}), "weights is empty"),
    "magnitude_masks: NaN": (lambda: magnitude_masks({"w": MAPS * math.nan}), "weights['w'] hold NaN"),
    "magnitude_masks: masks": (lambda: magnitude_masks({"w": MAPS}, {"w": MASKS[0]}), "masks['w'] must have shape"),
    "magnitude_masks: rate": (lambda: magnitude_masks({"w": MAPS}, rate="20%"), "rate must be"),
    "magnitude_masks: scope": (lambda: magnitude_masks({"w": MAPS}, scope="all"), "scope must be"),
    "tickets: model": (lambda: tickets(model=nn.ReLU()), "no weights to prune"),
    "tickets: fit": (lambda: tickets(train=ONE), "fit must be a training loop"),
    "tickets: rounds": (lambda: tickets(rounds=0), "rounds must be at least 1"),
    "tickets: rate": (lambda: tickets(rate=1.0), "rate must be"),
    "tickets: exclude": (lambda: tickets(exclude=["head"]), "unknown module in exclude 'head'"),
    "tickets: output_layer": (lambda: tickets(output_layer="head"), "unknown output_layer 'head'"),
    "tickets: rewind_step": (lambda: tickets(rewind_step=-1), "rewind_step must not be negative"),
    "many tickets: models": (lambda: iterative_magnitude_pruning_many([], DATA, ONE, 1, seeds=[]), "models is empty"),
    "many tickets: rewind_step": (
        lambda: iterative_magnitude_pruning_many([small()], DATA, ONE, 1, seeds=[0], rewind_step=7),
        "keep_states must be from 0 to 1",
    ),
    "shuffle_masks: masks": (lambda: shuffle_masks({"w": 3}, seed=0), "masks must map names to tensors, got 'w': int"),
    "shuffle_masks: seed": (lambda: shuffle_masks({"w": MASKS}, seed=-1), "seed must be"),
    "reinitialise: init": (lambda: reinitialise(small(), init=3, seed=0), "init must be"),
    "reinitialise: seed": (lambda: reinitialise(small(), init=initialise, seed=-1), "seed must be"),
    "apply_masks: model": (lambda: apply_masks("mlp", {"w": MASKS}), "model must be"),
    "apply_masks: lists": (lambda: apply_masks(small(), {"output.bias": [1] * 10}), "masks must map names"),
    "apply_masks: values": (lambda: apply_masks(small(), {"output.bias": torch.rand(10)}), "only 0 and 1"),
    "prunable_parameters: exclude": (lambda: prunable_parameters(small(), exclude=["head"]), "unknown module"),
    "layer_gradients: inputs": (lambda: layer_gradients(net(), "cat.png", 1, "1"), "inputs must be a float tensor"),
    "layer_gradients: target": (lambda: layer_gradients(net(), IMAGES, lambda out: out.sum(), "1"), "target must"),
    "layer_gradients: constant": (
        lambda: layer_gradients(net(), IMAGES, lambda out: torch.zeros(3), "1"),
        "target does not depend on layer '1'",
    ),
    "layer_activations: layer": (lambda: layer_activations(net(), IMAGES, nn.ReLU()), "unknown layer 'ReLU'"),
    "flatten: nothing": (lambda: flatten({}), "parameters is empty"),
    "flatten: tensor": (lambda: flatten(MAPS), "parameters must map names to tensors, got Tensor"),
    "unflatten: vector": (lambda: unflatten(torch.zeros(3), {"a": torch.zeros(4)}), "vector must have shape (4,)"),
    "unflatten: list": (lambda: unflatten([0.0], {"a": torch.zeros(1)}), "vector must be a tensor"),
    "interpolate: names": (lambda: interpolate({"a": MAPS}, {"b": MAPS}, 0.5), "start and end"),
    "random_direction: scale": (lambda: random_direction({"a": MAPS}, scale="max"), "scale must be"),
    "generator: seed": (lambda: generator(1.5), "seed must be a non-negative int or a torch.Generator, got 1.5"),
    "derive: seed": (lambda: derive(True, "order"), "seed must be a non-negative int, got True"),
    "seeded: seed": (lambda: seeded(-1).__enter__(), "seed must be"),
    "run: study": (lambda: run("norm-grad"), "study must be"),
    "run: preset": (lambda: run(load("norm-grad"), "tiny"), "unknown preset 'tiny'"),
    "run: seeds": (lambda: run(load("norm-grad"), seeds=True), "seeds must be a positive int, got True"),
    "run: workers": (lambda: run(load("norm-grad"), workers=1.5), "workers must be"),
    "run: out": (lambda: run(load("norm-grad"), out="precious"), "thesis.tex"),
    "load_evidence: folder": (lambda: load_evidence("nowhere"), "folder must be"),
    "load: broken module": (lambda: load("broken_module:STUDY"), "cannot be loaded: RuntimeError: the first line"),
    "load: study": (lambda: load("lottery-tickets"), "did you mean 'lottery-ticket'"),
    "search: query": (lambda: search(5), "query must be"),
    "search: limit": (lambda: search("pruning", limit=True), "limit must be"),
    "paper: slug": (lambda: paper(["norm-grad"]), "unknown paper"),
    "claim: id": (lambda: claim("norm-grad", "norm-grad-9"), "unknown claim of norm-grad 'norm-grad-9'"),
    "in_room: room": (lambda: in_room("garage"), "unknown room 'garage'"),
}


@pytest.mark.parametrize(("call", "says"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_names_the_argument_and_touches_nothing(call, says, here, unchecked):
    before = snapshot(here)
    with pytest.raises(netopsy.InputError) as raised:
        call()
    message = str(raised.value)
    assert isinstance(raised.value, ValueError)
    assert says in message
    assert len(message.splitlines()) == 1
    assert snapshot(here) == before


def test_a_network_that_was_refused_is_as_it_was(unchecked):
    model = small(3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    masks = {"fc1.weight": torch.zeros(4, 64, dtype=torch.bool)}
    with pytest.raises(netopsy.InputError, match="data has a class"):
        fit(model, DATA, ONE, masks=masks)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
