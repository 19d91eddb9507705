from itertools import permutations

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.models import small_conv_net
from netopsy.representations.convergent_learning import (
    convergence_report,
    cycle_lengths,
    match_units,
    mutual_information_matrix,
    statistics_of,
    unit_statistics,
)


def images(n, seed=0):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def permuted(net, order):
    """The network with the channels of its first convolution in another order, and its second to fit."""
    twin = small_conv_net((4, 6), (1, 2), seed=3)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    for name, value in state.items():
        if name.startswith(("features.conv1", "features.norm1")) and value.ndim:
            state[name] = value[order]
    state["features.conv2.weight"] = state["features.conv2.weight"][:, order]
    twin.load_state_dict(state)
    return twin


def test_a_copy_with_permuted_channels_is_matched_to_itself(left_as_found):
    net, order = small_conv_net((4, 6), (1, 2), seed=3), torch.tensor([2, 0, 3, 1])
    twin = permuted(net, order)
    torch.testing.assert_close(net(images(5)), twin(images(5)))
    before = left_as_found(net)
    stats = unit_statistics([net, twin], "features.conv1", images(40).split(7))
    assert left_as_found(net) == before
    found = match_units(stats.correlation(0, 1))
    assert torch.equal(order[found.index], torch.arange(4))
    assert found.mean == pytest.approx(1)
    own = match_units(unit_statistics([net, net], "features.conv2", images(40)).correlation(0, 1))
    assert torch.equal(own.index, torch.arange(6))


def test_places_of_a_grid_are_samples_and_the_networks_may_differ():
    a, b = small_conv_net((4, 6), (1, 2), seed=0), small_conv_net((5, 3), (1, 2), seed=1)
    stats = unit_statistics([a, b], ["features.conv1", "features.conv1"], images(20))
    series = [net.features.conv1(images(20)).permute(0, 2, 3, 1).flatten(0, 2).detach().numpy() for net in (a, b)]
    whole = np.corrcoef(np.concatenate(series, 1).T)
    assert stats.count == 20 * 64
    np.testing.assert_allclose(stats.correlation(0, 1), whole[:4, 4:], atol=1e-5)
    np.testing.assert_allclose(stats.std(1), series[1].std(0), rtol=1e-5)
    with pytest.raises(InputError, match="grids are of one size"):
        unit_statistics([a, b], ["features.conv1", "features.conv2"], images(4))


def test_dead_units_keep_their_place():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 0.7
    stats = statistics_of([x, x])
    assert stats.alive(0).tolist() == [True, False, True]
    assert stats.correlation(0, 1)[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("rows", "columns"), [(5, 5), (3, 6), (6, 3)])
def test_a_matching_is_the_best_of_all(rows, columns):
    similarity = torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows), dtype=torch.float64) - 0.3
    found = match_units(similarity)
    few, many = sorted((rows, columns))
    table = similarity if rows <= columns else similarity.T
    best = max(sum(float(table[i, p]) for i, p in enumerate(order)) for order in permutations(range(many), few))
    assert float(found.value.nansum()) == pytest.approx(best)
    assert int((found.index < 0).sum()) == max(0, rows - columns)
    assert len(found.unused) == max(0, columns - rows)
    semi = match_units(similarity, "semi")
    assert (semi.value >= similarity.gather(1, found.index.clamp(min=0)[:, None])[:, 0] - 1e-12).all()


def test_opposite_units_do_not_match():
    assert match_units(torch.tensor([[-0.9, 0.1], [0.1, -0.9]])).index.tolist() == [1, 0]


def test_cycles_of_a_loop():
    turn = torch.tensor([1, 2, 0, 4, 3])
    assert cycle_lengths([turn]) == [3, 2]
    assert cycle_lengths([turn, turn.argsort()]) == [1, 1, 1, 1, 1]


def test_information_of_known_variables():
    random = torch.Generator().manual_seed(0)
    four = 1.0 + torch.arange(4000, dtype=torch.float64)[:, None] % 4
    assert mutual_information_matrix(four, four, bins=4).item() == pytest.approx(np.log(4), abs=0.01)
    assert mutual_information_matrix(four, -four, bins=4).item() == pytest.approx(np.log(4), abs=0.01)
    apart = mutual_information_matrix(torch.randn(4000, 3, generator=random), torch.randn(4000, 3, generator=random))
    assert apart.max() < 3 / 4000**0.5
    biased = mutual_information_matrix(torch.randn(90, 3, generator=random), four[:90], correct=False)
    assert biased.min() > 0.05


def test_information_is_scikit_learn_s():
    from sklearn.metrics import mutual_info_score

    x = torch.randint(1, 4, (60, 1), generator=torch.Generator().manual_seed(1)).double()
    y = (x + torch.randint(0, 2, (60, 1), generator=torch.Generator().manual_seed(2))).double()
    found = mutual_information_matrix(x, y, bins=8, correct=False).item()
    assert found == pytest.approx(mutual_info_score(x[:, 0].numpy(), y[:, 0].numpy()), abs=0.02)
    assert mutual_information_matrix(torch.zeros(9, 2), torch.zeros(9, 1)).tolist() == [[0], [0]]


def test_a_report_of_two_networks_and_its_picture():
    nets = [small_conv_net((4, 6), (1, 2), seed=seed) for seed in (0, 1)]
    found = convergence_report(nets, ["features.act1", "features.act2"], images(60), images(40, 1))
    each = found["features.act2"]
    assert 0 <= each.dense_loss < 0.5
    assert each.semi.mean >= each.matching.mean
    assert len(each.plot().lines) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: unit_statistics([], "a", images(2)), "models is empty"),
        (lambda: unit_statistics([nn.Linear(2, 2)] * 2, ["", "", ""], images(2)), r"one a network \(2\), got 3"),
        (lambda: unit_statistics([nn.Flatten()], "nowhere", images(2)), "nowhere"),
        (lambda: unit_statistics([small_conv_net((4, 4), (1, 2))], "features.conv1", iter(())), "inputs is empty"),
        (lambda: statistics_of([torch.rand(4, 2), torch.rand(5, 2)]), "same samples"),
        (lambda: statistics_of([torch.ones(9, 4)]), "network 0 has 0 units that ever change"),
        (lambda: match_units(torch.zeros(0, 3)), "units on both sides"),
        (lambda: match_units(torch.full((2, 2), torch.nan)), "similarity"),
        (lambda: match_units(torch.eye(2), "greedy"), "unknown mode 'greedy'"),
        (lambda: cycle_lengths([torch.tensor([0, 0])]), "permutation of the same units"),
        (lambda: mutual_information_matrix(torch.rand(4, 1), torch.rand(5, 1)), "same samples"),
        (lambda: mutual_information_matrix(torch.rand(4, 1), torch.rand(4, 1), 0), "bins must be"),
        (lambda: convergence_report([nn.Linear(2, 2)], ["x"], images(2), images(2)), "two networks"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
