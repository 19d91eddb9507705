"""How well confidence tells the inputs that a network was made for from others."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require


@checked
def ood_auroc(inside: Float[Tensor, "n"], outside: Float[Tensor, "m"]) -> float:
    """The area under the ROC curve of a confidence: the chance that an inside input has more of it than an outside one.

    Hendrycks and Gimpel 2017 (arXiv 1610.02136) take the highest softmax probability, and it is assumed that Liu et al.
    2022 do too (unconfirmed). Any other score that is higher for inputs of the kind trained on does as well.

    Args:
        inside: confidences in test inputs of the kind that the network was trained on.
        outside: in inputs of another kind.

    Returns:
        1 where the two do not overlap, 0.5 where confidence says nothing.

    Raises:
        InputError: no values on a side, or some that are not finite.

    >>> import torch
    >>> ood_auroc(torch.tensor([0.9, 0.8, 0.6, 0.4]), torch.tensor([0.7, 0.3]))
    0.75
    """
    for name, values in (("inside", inside), ("outside", outside)):
        require(values.ndim == 1 and len(values) > 0, f"{name} must be [n] with at least one value")
        require(bool(values.isfinite().all()), f"{name} holds values that are not finite")
    from sklearn.metrics import roc_auc_score

    labels = [1] * len(inside) + [0] * len(outside)
    return float(roc_auc_score(labels, [*inside.tolist(), *outside.tolist()]))
