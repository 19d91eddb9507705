"""Layers by name, as `nn.Module.named_modules` spells them, and by the run where one module runs several times.

A module may run more than once in a forward pass, such as one ``relu`` for a whole block. ``"relu"`` then is its first
run, for every method, and ``"relu#2"`` its second; `netopsy.core.runs` follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.core.modes import check_model

INPUT = ""
"""The name of the network's input, which can be asked for like a layer."""
RUN = "#"
"""Between the name of a module and the number of its run."""

Layer = str | nn.Module
Layers = Layer | Sequence[Layer]


def layer_names(model: nn.Module, layers: Layers, *, runs: bool = True) -> list[str]:
    """The names of ``layers`` in ``model``, in the order given.

    ``layers`` is a name, a submodule, or a sequence of those; ``""`` is the network's input. A name may end in ``#n``
    for the module's n-th run in a forward pass, unless ``runs=False`` says that it is the module itself that counts.

    Raises:
        UnknownNameError: a name or module that is not in the model (the nearest names are listed).
        InputError: an empty sequence, or a layer asked for twice.
    """
    check_model(model)
    if not isinstance(layers, str | nn.Module | Iterable):
        raise InputError(f"layer must be a name, a submodule or a sequence of them, got {layers!r}")
    wanted = [layers] if isinstance(layers, str | nn.Module) else list(layers)
    if not wanted:
        raise InputError("layer must name at least one layer, got an empty sequence")
    name_of = {id(module): name for name, module in model.named_modules()}
    known = [name for name in name_of.values() if name]
    names = []
    for layer in wanted:
        if isinstance(layer, nn.Module):
            if id(layer) not in name_of or layer is model:
                raise UnknownNameError("layer", type(layer).__name__, known)
            names.append(name_of[id(layer)])
        elif layer == INPUT or layer in known or (runs and run_of(model, layer)[0] in known):
            names.append(layer)
        else:
            raise UnknownNameError("layer", layer, known)
    if len(set(names)) < len(names):
        raise InputError(f"layer names the same layer twice: {names}")
    return names


def run_of(model: nn.Module, name: str) -> tuple[str, int | None]:
    """A layer's name without the number of its run, and that number where there is one.

    >>> net = nn.Sequential(nn.ReLU())
    >>> run_of(net, "0#2"), run_of(net, "0"), run_of(net, "0#0")
    (('0', 2), ('0', None), ('0#0', None))
    """
    before, mark, number = str(name).rpartition(RUN)
    if not mark or not number.isdecimal() or int(number) == 0 or name in dict(model.named_modules()):
        return name, None
    return before, int(number)


def module_of(model: nn.Module, name: str) -> nn.Module:
    """The module that a name of `layer_names` stands for, whichever of its runs is meant."""
    return model.get_submodule(run_of(model, name)[0])


def spatial_layers(model: nn.Module) -> list[str]:
    """Names of the convolutions, the layers that surely have a spatial grid, in definition order.

    >>> spatial_layers(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)))
    ['0', '2']
    """
    convolutions = nn.Conv2d, nn.ConvTranspose2d
    return [name for name, module in model.named_modules() if isinstance(module, convolutions)]
