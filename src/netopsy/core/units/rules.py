"""Which rule holds for which function of torch, and for which layer without parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from netopsy.core.units.atoms import Atoms
from netopsy.core.units.combining import along, combine, concatenate, keep, pad, pad_shortcut, reduce, spatial
from netopsy.core.units.shaping import (
    attribute,
    chunk,
    flatten,
    glu,
    item,
    permute,
    reshape,
    size,
    squeeze,
    unsqueeze,
)
from netopsy.core.units.tracing import Step

Rule: TypeAlias = Callable[[Atoms, Step], Any]


def nothing(atoms: Atoms, step: Step) -> None:
    return None


_WORDS: dict[Rule, str] = {
    keep: (
        "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid logsigmoid tanh "
        "softplus softsign tanhshrink softshrink hardshrink threshold rrelu dropout dropout1d dropout2d dropout3d "
        "alpha_dropout feature_alpha_dropout feature_dropout identity exp log log1p expm1 sqrt rsqrt square abs neg "
        "sin cos erf clamp clip contiguous clone detach to float double half bfloat16 positive reciprocal"
    ),
    combine: (
        "add sub mul div truediv true_divide subtract multiply divide iadd isub imul itruediv maximum minimum pow "
        "expand_as rsub floordiv mod lerp"
    ),
    concatenate: "cat concat concatenate",
    flatten: "flatten",
    reshape: "view reshape",
    permute: "permute transpose swapaxes swapdims",
    squeeze: "squeeze",
    unsqueeze: "unsqueeze",
    reduce: "mean sum amax amin std var logsumexp",
    along: "softmax log_softmax softmin",
    spatial: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d "
        "interpolate upsample"
    ),
    pad: "pad",
    chunk: "chunk",
    glu: "glu",
    item: "getitem",
    attribute: "getattr",
    size: "size",
    nothing: "dim ndimension is_floating_point",
}
FUNCTIONS: dict[str, Rule] = {name: rule for rule, names in _WORDS.items() for name in names.split()}

_LAYERS: dict[Rule, str] = {
    keep: (
        "ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Sigmoid LogSigmoid Tanh "
        "Softplus Softsign Tanhshrink Softshrink Hardshrink Threshold RReLU Dropout Dropout1d Dropout2d Dropout3d "
        "AlphaDropout FeatureAlphaDropout Identity"
    ),
    flatten: "Flatten",
    along: "Softmax LogSoftmax Softmin",
    spatial: "Upsample UpsamplingNearest2d UpsamplingBilinear2d "
    + " ".join(
        f"{kind}{grid}d"
        for grid in (1, 2, 3)
        for kind in (
            *("MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool"),
            *("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad"),
        )
    ),
    glu: "GLU",
    pad_shortcut: "PadShortcut",
}
LAYERS: dict[str, Rule] = {name: rule for rule, names in _LAYERS.items() for name in names.split()}
