"""What every method of the catalogue keeps: it says what it does, and borrows a network without leaving a trace."""

import inspect
import re
from dataclasses import is_dataclass

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.catalogue import papers
from netopsy.catalogue.methods import resolve
from netopsy.interpretability.causal_paths import discover_causal_graph
from netopsy.interpretability.norm_grad import norm_grad

METHODS = [method for paper in papers() if paper.status == "ready" for method in paper.methods]

SHAPE, LAYER = (3, 9, 8), "3"


def network(dtype=torch.float32):
    """Batch norm, a rectifier that works in place, and a convolution that both chains and grids know."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
    )
    net[1].running_mean += 0.1
    return net.to(dtype).eval()


IMAGES = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(1))
CLASS = int(network()(IMAGES).argmax(1).mode().values)
MAPS = torch.rand(6, *SHAPE[1:], generator=torch.Generator().manual_seed(2))

ARGUMENTS = {
    "method": lambda: norm_grad,
    "target": lambda: CLASS,
    "layer": lambda: LAYER,
    "nodes": lambda: [0],
    "effects": lambda: [0],
    "graph": lambda: discover_causal_graph(network(), IMAGES, CLASS),
    "attributions": lambda: MAPS,
    "steps": lambda: 2,
    "epochs": lambda: 2,
    "k": lambda: 2,
    "n_segments": lambda: 4,
    "relaxed": lambda: False,
}
"""Arguments by their name, which mean the same in every method; small where time depends on them."""

PROOFS = {"certified_radius"}
"""Methods that bound what rounding does, and refuse a precision in which that is everything."""

ELSEWHERE = {"effective_regions", "feature_guided_searches"}
"""Methods on images that need results of others first, or take any function for a network; their own tests ask the same
of them."""


def on_images(method):
    names = inspect.signature(resolve(method)).parameters
    return "model" in names and bool({"images", "reference"} & set(names)) and last(method) not in ELSEWHERE


def last(method):
    return method.rpartition(".")[2]


ON_IMAGES = [method for method in METHODS if on_images(method)]
IMAGE_BY_IMAGE = [
    method
    for method in ON_IMAGES
    if re.match(r"LayerMaps|Scores|Float\[Tensor, 'batch", str(inspect.signature(resolve(method)).return_annotation))
]


def call(method, model, images, **instead):
    function = resolve(method)
    parameters = inspect.signature(function).parameters
    given = {
        name: instead[name] if name in instead else make() for name, make in ARGUMENTS.items() if name in parameters
    }
    if "options" in parameters:
        given["layer"] = instead.get("layer", LAYER)
    if "attributions" in given:
        given["attributions"] = given["attributions"][: len(images)]
    return function(model=model, **{"images" if "images" in parameters else "reference": images}, **given)


def tensors(found):
    """All that a result holds, for comparing two of them."""
    if isinstance(found, torch.Tensor):
        return [found]
    if isinstance(found, nn.Module):
        return list(found.state_dict().values())
    if isinstance(found, dict | list | tuple):
        return [each for entry in (found.values() if isinstance(found, dict) else found) for each in tensors(entry)]
    if hasattr(found, "__dict__") and not callable(found):
        return tensors(list(vars(found).values()))
    return []


def same(ours, theirs, **tolerance):
    if not tensors(ours):
        assert ours == theirs
    ours, theirs = tensors(ours), tensors(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True, **tolerance)


def spoilt(images):
    images = images.clone()
    images[0, 0, 0, 0] = torch.nan
    return images


SHOWN_ELSEWHERE = {
    "Broker": "the examples of the parties that it stands between",
    "IMPResult": "that of the function that returns it",
    "effective_regions": "that of the miner that calls it",
    "find_ticket": "it trains a network on a graph for several seconds",
    "missing_links": "that of `fit_link_predictor`, which trains what it needs",
    "ugs_tickets": "it trains a network on a graph for several seconds",
}
"""Methods without an example of their own, and where one is or why there is none."""

CHECKED_BEFORE = {
    "Broker": "it reads messages, which are checked",
    "PatternLayers": "a layer that the miner makes",
    "effective_regions": "it is given what the miner has checked",
    "iterative_magnitude_pruning_many": "its errors are those of the one that it names",
}
"""Methods that name no error, and why."""


@pytest.mark.parametrize("method", METHODS)
def test_it_says_what_it_does_shows_it_and_says_what_it_refuses(method):
    found = resolve(method)
    text = inspect.getdoc(found) or ""
    assert text.split("\n\n")[0].rstrip().endswith((".", ":")), "no summary"
    assert (">>> " in text) != (last(method) in SHOWN_ELSEWHERE), "no example"
    if not is_dataclass(found):
        assert ("InputError" in text) != (last(method) in CHECKED_BEFORE), "not said what it refuses"


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_it_leaves_the_network_as_it_was(method, training, left_as_found):
    net, images = network().train(training), IMAGES.clone()
    net[1].eval()
    net[0].bias.requires_grad_(False)
    before = left_as_found(net)
    call(method, net, images)
    assert left_as_found(net) == before
    with pytest.raises(InputError):
        call(method, net, spoilt(images))
    assert left_as_found(net) == before
    assert torch.equal(images, IMAGES)


BAD = {
    "no network": (lambda: "net", lambda: IMAGES, {}, "model must be a torch nn.Module, got str"),
    "its class": (lambda: nn.Sequential, lambda: IMAGES, {}, "nn.Module, got the class Sequential"),
    "one image": (network, lambda: IMAGES[0], {}, r"must be \[batch, |do not go through the network"),
    "no image": (network, lambda: IMAGES[:0], {}, r"images must be .* at least one.*, got \(0, 3, 9, 8\)"),
    "a list": (network, lambda: [[1.0]], {}, "images must be .*, got (list|float)"),
    "8 bits": (network, lambda: (IMAGES * 255).byte(), {}, r"must be a float tensor, got a tensor of torch\.uint8"),
    "NaN": (network, lambda: spoilt(IMAGES), {}, "images hold NaN or infinite values; they must be finite"),
    "another type": (
        network,
        lambda: IMAGES.double(),
        {},
        r"are torch\.float64, but the network's weights torch\.float32",
    ),
    "other channels": (network, lambda: IMAGES[:, :2], {}, r"of shape \((\d, )?2, 9, 8\) do not go through"),
    "unknown layer": (network, lambda: IMAGES, {"layer": "nowhere"}, "unknown layer 'nowhere': choose from '0', '1'"),
    "no layer": (network, lambda: IMAGES, {"layer": None}, "unknown layer None|layer must be a name"),
    "unknown class": (network, lambda: IMAGES, {"target": 99}, "target.* 0 to 2"),
    "class in words": (network, lambda: IMAGES, {"target": "cat"}, "target must be a class.*, got 'cat'"),
}


def refuses(method, what):
    """Whether a method is given what is wrong here and has no use for it."""
    if (last(method), what) == ("receptive_field", "another type"):
        return False  # it computes in double precision, whatever it is given
    parameters = inspect.signature(resolve(method)).parameters
    return all(
        parameters[name].default is not None if name in parameters else name == "layer" and "options" in parameters
        for name in BAD[what][2]
    )


@pytest.mark.parametrize(
    ("method", "what"),
    [(method, what) for method in ON_IMAGES for what in BAD if refuses(method, what)],
    ids=last,
)
def test_it_refuses_what_cannot_be_used_in_one_sentence(method, what, unchecked):
    model, images, options, says = BAD[what]
    with pytest.raises(InputError, match=says) as raised:
        call(method, model(), images(), **options)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("method", IMAGE_BY_IMAGE, ids=last)
def test_a_batch_is_what_its_images_are_one_by_one(method):
    net, images = network(torch.double), IMAGES.double()
    graph = {"graph": discover_causal_graph(net, images, CLASS)}
    together = call(method, net, images, **graph)
    for place in range(len(images)):
        (alone,), (whole,) = tensors(call(method, net, images[place : place + 1], **graph)), tensors(together)
        torch.testing.assert_close(alone[0], whole[place], equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_half_precision_gives_finite_results(method, dtype, left_as_found):
    net = network(dtype)
    before = left_as_found(net)
    if last(method) in PROOFS:
        with pytest.raises(InputError, match="single or double precision for a proof"):
            call(method, net, IMAGES.to(dtype))
        return
    found = tensors(call(method, net, IMAGES.to(dtype)))
    assert all(each.isfinite().all() for each in found if each.is_floating_point())
    assert left_as_found(net) == before


@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_a_frozen_network_gives_the_same(method):
    same(call(method, network().requires_grad_(False), IMAGES), call(method, network(), IMAGES))


@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_so_does_inference_mode_around_it_or_around_the_images(method):
    net, plain = network(), call(method, network(), IMAGES)
    with torch.no_grad():
        same(call(method, net, IMAGES), plain)
    with torch.inference_mode():
        around, images = call(method, net, IMAGES), IMAGES.clone()
    same(around, plain)
    same(call(method, net, images), plain)


@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_a_network_made_in_inference_mode_is_used_or_refused(method):
    with torch.inference_mode():
        net = network()
    try:
        found = call(method, net, IMAGES)
    except InputError:
        return
    same(found, call(method, network(), IMAGES))


@pytest.mark.parametrize("method", ON_IMAGES, ids=last)
def test_a_compiled_network_gives_the_same_although_it_ran_before(method):
    compiled = torch.compile(network(), backend="eager")
    compiled(IMAGES)
    given = {"layer": compiled.get_submodule("_orig_mod.3"), "graph": discover_causal_graph(compiled, IMAGES, CLASS)}
    ours, plain = call(method, compiled, IMAGES, **given), call(method, network(), IMAGES)
    same(ours, plain)
