"""Network pruning via transformable architecture search (Dong and Yang 2019): widths and depths learnt to a budget."""

from netopsy.sparsity.transformable_architecture_search.channels import channel_interpolate
from netopsy.sparsity.transformable_architecture_search.cost import cost_loss, expected_flops
from netopsy.sparsity.transformable_architecture_search.distilling import distill, kd_loss
from netopsy.sparsity.transformable_architecture_search.families import mlp_space, resnet_space, vgg_space
from netopsy.sparsity.transformable_architecture_search.gumbel import gumbel_softmax, gumbel_topk_weights
from netopsy.sparsity.transformable_architecture_search.macs import flops
from netopsy.sparsity.transformable_architecture_search.random_sizes import random_shapes, uniform_shape
from netopsy.sparsity.transformable_architecture_search.reading import module_space
from netopsy.sparsity.transformable_architecture_search.result import SearchHistory, TASResult
from netopsy.sparsity.transformable_architecture_search.search import SearchSettings, tas_search
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace

__all__ = [
    "SearchHistory",
    "SearchSettings",
    "Shape",
    "ShapeSpace",
    "TASResult",
    "channel_interpolate",
    "cost_loss",
    "distill",
    "expected_flops",
    "flops",
    "gumbel_softmax",
    "gumbel_topk_weights",
    "kd_loss",
    "mlp_space",
    "module_space",
    "random_shapes",
    "resnet_space",
    "tas_search",
    "uniform_shape",
    "vgg_space",
]
