import itertools

import torch

from netopsy.interpretability.concept_lens import c_deletion, c_insertion
from netopsy.interpretability.concept_lens.best_orders import best_orders


def test_the_best_orders_are_those_of_trying_all():
    u = torch.rand(3, 4, dtype=torch.float64)

    def function(x):
        return torch.sin(3 * x).sum(1) - x[:, 0] * x[:, 1]

    low, high = [], []
    for order in itertools.permutations(range(4)):
        phi = torch.zeros_like(u)
        phi[:, list(order)] = torch.arange(4, 0, -1, dtype=u.dtype)
        low.append(c_deletion(function, u, phi))
        high.append(c_insertion(function, u, phi))
    found = best_orders(function, u)
    torch.testing.assert_close(found[0], torch.stack(low).amin(0))
    torch.testing.assert_close(found[1], torch.stack(high).amax(0))
