import gc

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from netopsy import InputError
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.graph_valuation import (
    KINDS,
    Broker,
    Buyer,
    GraphValuation,
    Message,
    Seller,
    diversity_relevance,
    laplacian,
    proxy_graph,
    smooth_root,
    structural_disparity,
)
from netopsy.graphs.graph_valuation.wasserstein import shared_noise

RANDOM = np.random.default_rng(0)
KARATE = nx.karate_club_graph()
OWN = RANDOM.normal(size=(34, 6)) * [3, 2, 1, 1, 0.5, 0.4]
THEIRS = RANDOM.normal(size=(40, 6)) * [2, 2, 2, 1, 1, 1]
OTHER = nx.gnp_random_graph(40, 0.2, seed=5)


def test_values_are_those_of_the_two_functions():
    market = GraphValuation(40, seed=3)
    first, second = market.value((KARATE, OWN), [(OTHER, THEIRS), (KARATE, OWN)])
    features = diversity_relevance(OWN, THEIRS)
    assert (first.relevance, first.diversity) == pytest.approx((features.relevance, features.diversity))
    proxy = proxy_graph(40, seed=3)
    assert first.disparity == pytest.approx(structural_disparity(KARATE, OTHER, proxy))
    assert first.normalised_disparity == pytest.approx(structural_disparity(KARATE, OTHER, proxy, normalised=True))
    assert first.distance == pytest.approx(first.disparity**0.5)
    assert first.disparity_error == 0
    assert second.disparity == pytest.approx(0, abs=1e-6)
    assert second.relevance == pytest.approx(1)


def test_nothing_but_the_listed_messages_crosses():
    market = GraphValuation(40)
    market.value((KARATE, OWN), [(OTHER, THEIRS), (KARATE, OWN)])
    ways = [(message.sender, message.receiver, message.seller, set(message.content)) for message in market.messages]
    proxy, value = {"proxy", "noise"}, {"disparity", "relevance", "diversity"}
    expected = [("broker", "buyer", None, proxy), ("buyer", "broker", None, {"roots", "variances", "directions"})]
    for number in (0, 1):
        expected += [
            ("broker", "seller", number, proxy | {"directions"}),
            ("seller", "broker", number, {"roots", "variances"}),
            ("broker", "buyer", number, value),
        ]
    assert ways == expected
    assert {(kind.sender, kind.receiver) for kind in KINDS.values()}.isdisjoint(
        {("buyer", "seller"), ("seller", "buyer")}
    )


def test_a_seller_is_told_nothing_of_the_buyer_but_its_directions():
    """Another buyer with the same directions makes no difference to what a seller sees."""
    first, second = GraphValuation(40), GraphValuation(40)
    first.value((KARATE, OWN), [(OTHER, THEIRS)])
    second.value((nx.cycle_graph(34), 2 * OWN + 7), [(OTHER, THEIRS)])
    seen, also = (next(m for m in market.messages if m.kind == "request") for market in (first, second))
    np.testing.assert_array_equal(seen.content["proxy"], also.content["proxy"])
    np.testing.assert_allclose(np.abs(seen.content["directions"]), np.abs(also.content["directions"]), atol=1e-9)
    np.testing.assert_array_equal(seen.content["proxy"], proxy_graph(40).toarray())


def test_a_request_is_the_same_for_buyers_whose_directions_are():
    """Buyers with other graphs and other variances along the same directions ask the same."""
    axes = np.linalg.qr(RANDOM.normal(size=(34, 7)) - 0)[0]
    axes = np.linalg.qr(axes - axes.mean(0))[0][:, :3]
    buyers = [(KARATE, axes * [3.0, 2.0, 1.0]), (nx.cycle_graph(34), axes * [9.0, 5.0, 4.0])]
    asked = []
    for buyer in buyers:
        market = GraphValuation(40, signals=16)
        market.value(buyer, [(OTHER, THEIRS[:, :3])])
        asked.append(next(message for message in market.messages if message.kind == "request").content)
    for field in ("proxy", "noise", "directions"):
        np.testing.assert_allclose(np.abs(asked[0][field]), np.abs(asked[1][field]), atol=1e-9)


def test_as_many_signals_as_a_graph_has_nodes_can_be_undone():
    """What the documents say of them: the noise is public."""
    market = GraphValuation(40, signals=39, matcher=lambda A, proxy: np.arange(40))
    market.value(OTHER, [KARATE])
    seed = int(market.messages[0].content["noise"][1])
    sent, noise = market.messages[1].content["roots"][0], shared_noise(40, 39, seed)
    basis = np.linalg.svd(sent, full_matrices=False)[0]
    root = sent @ np.linalg.pinv(basis @ basis.T @ noise)
    found = np.linalg.pinv(root @ root)
    np.testing.assert_allclose(found, laplacian(OTHER).toarray(), atol=1e-5)


def test_options_reach_the_parties():
    loose = GraphValuation(40, rel_tol=0.3)
    loose.value((KARATE, OWN), [(OTHER, THEIRS)])
    strict = GraphValuation(40, rel_tol=0.0)
    strict.value((KARATE, OWN), [(OTHER, THEIRS)])
    assert loose.messages[1].content["variances"].size < strict.messages[1].content["variances"].size == 6
    own = GraphValuation(40, matcher=lambda A, proxy: np.arange(40))
    own.value(KARATE, [OTHER])
    first = np.zeros((40, 33))
    first[:34] = smooth_root(laplacian(KARATE)).factor
    np.testing.assert_array_equal(own.messages[1].content["roots"][0], first)


def test_what_comes_from_outside_is_checked():
    broker = Broker(proxy_graph(6).toarray())
    offer = Buyer(nx.path_graph(6)).offer(broker.announce())
    good = Seller(nx.cycle_graph(6)).answer(broker.ask(offer, 0))
    bad = {
        "finite": np.full((1, 6, 5), np.nan),
        r"\[graphs, 6, columns\]": np.zeros((6, 5)),
        "got \\[1, 5, 5\\]": np.zeros((1, 5, 5)),
        "got \\[0, 6, 5\\]": np.zeros((0, 6, 5)),
    }
    for message, roots in bad.items():
        with pytest.raises(InputError, match=message):
            broker.appraise(offer, Message("answer", {"roots": roots, "variances": np.zeros(0)}))
    with pytest.raises(InputError, match="not negative"):
        broker.appraise(offer, Message("answer", {"roots": good.content["roots"], "variances": -np.ones(2)}))
    with pytest.raises(InputError, match="a message 'offer' was expected, got 'answer'"):
        broker.appraise(good, good)
    with pytest.raises(InputError, match="a message 'proxy' was expected"):
        Buyer(nx.path_graph(6)).offer(offer)


def test_all_sellers_share_what_all_are_told():
    market = GraphValuation(40)
    market.value((KARATE, OWN), [(OTHER, THEIRS), (KARATE, OWN)])
    first, second = (message for message in market.messages if message.kind == "request")
    assert first.content["proxy"] is second.content["proxy"]
    assert not first.content["proxy"].flags.writeable


def test_what_a_buyer_says_does_not_depend_on_sellers_and_the_reverse():
    markets = [GraphValuation(40) for _ in range(2)]
    markets[0].value((KARATE, OWN), [(OTHER, THEIRS)])
    markets[1].value((KARATE, OWN), [(nx.path_graph(9), THEIRS[:9])])
    assert markets[0].messages[1].to_bytes() == markets[1].messages[1].to_bytes()
    markets[1].value((nx.path_graph(34), OWN), [(OTHER, THEIRS)])
    assert markets[0].messages[3].to_bytes() == markets[1].messages[3].to_bytes()


def test_the_value_follows_from_the_messages_alone():
    market = GraphValuation(40)
    found = market.value((KARATE, OWN), [(OTHER, THEIRS)])
    offer, answer, value = (next(m for m in market.messages if m.kind == kind) for kind in ("offer", "answer", "value"))
    again = Broker(proxy_graph(40).toarray()).appraise(
        Message.from_bytes("offer", offer.to_bytes()), Message.from_bytes("answer", answer.to_bytes(), 0)
    )
    for name, array in again.content.items():
        np.testing.assert_array_equal(array, value.content[name])
    assert found[0].disparity == again.content["disparity"][0]


def test_no_party_can_reach_anything_of_another(monkeypatch):
    made = []

    def kept(kind):
        def make(*arguments, **options):
            made.append(kind(*arguments, **options))
            return made[-1]

        return make

    for name, kind in (("Buyer", Buyer), ("Seller", Seller), ("Broker", Broker)):
        monkeypatch.setattr(f"netopsy.graphs.graph_valuation.market.{name}", kept(kind))
    GraphValuation(40).value((KARATE, OWN), [(OTHER, THEIRS), (KARATE, OWN.copy())])
    assert [type(party).__name__ for party in made] == ["Broker", "Buyer", "Seller", "Seller"]
    assert all(len(_reached(party)) > 0 for party in made)
    for one in made:
        others = [party for party in made if party is not one]
        reached = _reached(one)
        assert not any(isinstance(item, Buyer | Seller | Broker) for item in vars(one).values())
        for other in others:
            assert not any(mine is theirs for mine in reached for theirs in _reached(other))
            assert not any(np.shares_memory(mine, theirs) for mine in reached for theirs in _reached(other))


def _reached(party):
    """Every array that can be got at from a party's own attributes."""
    found, known, open_ = [], set(), list(vars(party).values())
    while open_:
        item = open_.pop()
        if id(item) in known or isinstance(item, type | type(np)) or callable(item):
            continue
        known.add(id(item))
        if isinstance(item, np.ndarray):
            found.append(item)
        else:
            open_.extend(each for each in gc.get_referents(item) if not isinstance(each, type))
    return found


def test_the_raw_data_are_in_no_message():
    weights = nx.to_numpy_array(OTHER) * 1.7320508
    market = GraphValuation(40)
    market.value((KARATE, OWN), [(weights, THEIRS)])
    for message in market.messages:
        for array in message.content.values():
            flat = array.ravel()
            assert not np.isin(1.7320508, flat)
            assert not np.isin(THEIRS.ravel(), flat).any()
            assert not np.isin(OWN.ravel(), flat).any()


def test_fields_that_are_not_listed_are_refused():
    with pytest.raises(InputError, match="a message 'answer' must hold roots, variances and nothing else"):
        Message("answer", {"roots": np.zeros((1, 2, 2)), "variances": np.zeros(1), "features": np.zeros((2, 2))})
    with pytest.raises(InputError, match="nothing else"):
        Message("answer", {"roots": np.zeros((1, 2, 2))})
    with pytest.raises(InputError, match="unknown kind of message 'gift'"):
        Message("gift", {})
    with pytest.raises(InputError, match="must be an array of float64"):
        Message("answer", {"roots": np.zeros((1, 2, 2)), "variances": np.zeros(1, dtype=object)})
    with pytest.raises(InputError, match="these bytes are no message 'answer'"):
        Message.from_bytes("answer", b"nonsense")


def test_bytes_with_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "evil.npz", roots=np.array([{}], dtype=object), variances=np.zeros(1))
    with pytest.raises(InputError, match="these bytes are no message"):
        Message.from_bytes("answer", (tmp_path / "evil.npz").read_bytes())


def test_signals_estimate_the_disparity():
    exact = GraphValuation(40).value(KARATE, [OTHER])[0]
    market = GraphValuation(40, signals=24)
    found = market.value(KARATE, [OTHER])[0]
    assert market.messages[1].content["roots"].shape == (1, 40, 24)
    assert 0 < found.disparity_error < 0.5 * exact.disparity
    assert abs(found.disparity - exact.disparity) < 5 * found.disparity_error
    assert GraphValuation(40, signals=8).value(KARATE, [KARATE])[0].disparity == pytest.approx(0, abs=1e-9)


def test_sets_of_graphs_are_compared_in_pairs():
    ours = [nx.gnp_random_graph(12, 0.4, seed=seed) for seed in range(3)]
    theirs = [nx.gnp_random_graph(15, 0.3, seed=seed) for seed in range(4)]
    market = GraphValuation(15)
    found = market.value(ours, [theirs])[0]
    proxy = proxy_graph(15)
    pairs = [structural_disparity(a, b, proxy) for a in ours for b in theirs]
    assert found.disparity == pytest.approx(np.mean(pairs))
    assert found.disparity_error == pytest.approx(np.std(pairs, ddof=1) / len(pairs) ** 0.5)
    random = np.random.default_rng(0)
    sixty = [weight * nx.to_numpy_array(nx.path_graph(4)) for weight in random.uniform(0.1, 10, 65)]
    once = GraphValuation(15).value(sixty[0], [sixty])[0]
    twice = GraphValuation(15).value(sixty[:9], [sixty[:8]])[0]
    assert once.disparity_error > 0
    pairs = [structural_disparity(a, b, proxy) for a in sixty[:9] for b in sixty[:8]]
    assert twice.disparity != pytest.approx(np.mean(pairs), rel=1e-6)  # 64 of the 72
    many = [nx.path_graph(4)] * 70
    market.value(many, [many])
    assert market.messages[1].content["roots"].shape == (64, 15, 3)


def test_features_of_a_set_are_taken_together():
    parts = [(nx.path_graph(20), THEIRS[:20]), (nx.cycle_graph(20), THEIRS[20:])]
    found = GraphValuation(34).value((KARATE, OWN), [parts])[0]
    assert found.relevance == pytest.approx(diversity_relevance(OWN, THEIRS).relevance)


def test_without_features_on_either_side_only_the_structure_is_valued():
    market = GraphValuation(40)
    for buyer, seller in ((KARATE, (OTHER, THEIRS)), ((KARATE, OWN), OTHER), (KARATE, OTHER)):
        found = market.value(buyer, [seller])[0]
        assert found.disparity > 0
        assert np.isnan([found.relevance, found.diversity, found.mean_relevance, found.mean_diversity]).all()


def test_every_form_of_graph():
    adjacency = as_adjacency(KARATE)
    data = Data(x=torch.from_numpy(OWN), edge_index=edge_index_of(adjacency), num_nodes=34)
    sellers = [data, (adjacency, OWN), (edge_index_of(adjacency), torch.from_numpy(OWN)), (KARATE, OWN)]
    for found in GraphValuation(34).value((nx.to_numpy_array(KARATE, weight=None), OWN), sellers):
        assert found.relevance == pytest.approx(1)
    unweighted = GraphValuation(34).value(data, sellers[:3])
    assert all(found.disparity == pytest.approx(0, abs=1e-6) for found in unweighted)


def test_graphs_larger_than_the_proxy():
    with pytest.raises(InputError, match="seller 1 has 40 nodes, more than the proxy, 34"):
        GraphValuation(34).value(KARATE, [KARATE, OTHER])


def test_smoothing_brings_structure_into_the_features():
    plain = GraphValuation(34).value((KARATE, OWN), [(nx.path_graph(34), OWN)])[0]
    smooth = GraphValuation(40, smooth=2).value((KARATE, OWN), [(nx.path_graph(34), OWN)])[0]
    assert plain.relevance == pytest.approx(1)
    assert smooth.relevance < 0.99


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GraphValuation(0), "size must be a whole number"),
        (lambda: GraphValuation(5, 0.0), "p must lie between 0 and 1"),
        (lambda: GraphValuation(5, seed=-1), "seed must be"),
        (lambda: GraphValuation(5, signals=3), "signals must be None or a whole number from 8 to 10,000"),
        (lambda: GraphValuation(5, smooth=-1), "smooth must be a whole number"),
        (lambda: GraphValuation(34).value(KARATE, KARATE), "sellers must be a list with one entry each, got Graph"),
        (lambda: GraphValuation(34).value((KARATE, OWN, OWN), [KARATE]), "got a tuple of 3"),
        (
            lambda: GraphValuation(34).value((nx.to_numpy_array(KARATE), nx.to_numpy_array(KARATE)), [KARATE]),
            "features of buyer are its adjacency matrix",
        ),
        (lambda: GraphValuation(34, rel_tol=3.0), "rel_tol must be in"),
        (lambda: GraphValuation(34, matcher="foo"), "unknown matcher 'foo'"),
        (lambda: Seller(KARATE, smooth=-1), "smooth must be a whole number"),
        (lambda: GraphValuation(34).value(KARATE, []), "sellers must be at least one"),
        (lambda: GraphValuation(34).value([], [KARATE]), "buyer must be at least one graph"),
        (lambda: GraphValuation(34).value(KARATE, [nx.DiGraph([(0, 1)])]), "seller 0 must be undirected"),
        (
            lambda: GraphValuation(34).value((KARATE, OWN[:9]), [KARATE]),
            "features of buyer must have one row a node, 34",
        ),
        (
            lambda: GraphValuation(34).value((KARATE, OWN), [KARATE, (KARATE, OWN[:, :3])]),
            "the features of seller 1 must have 6 columns",
        ),
        (lambda: GraphValuation(34).value((KARATE, OWN * np.nan), [KARATE]), "features of buyer must be finite"),
        (lambda: GraphValuation(34).value((KARATE, OWN * 0), [KARATE]), "the buyer's features must vary"),
        (lambda: GraphValuation(34).value([(KARATE, OWN), KARATE], [KARATE]), "for all of its graphs or for none"),
        (
            lambda: GraphValuation(34).value([(KARATE, OWN), (KARATE, OWN[:, :2])], [KARATE]),
            "must all have the same columns",
        ),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()


def test_what_was_sent_before_an_error_is_kept():
    market = GraphValuation(34)
    with pytest.raises(InputError):
        market.value((KARATE, OWN), [(KARATE, OWN), (KARATE, OWN[:, :2])])
    assert [message.kind for message in market.messages] == ["proxy", "offer", "request", "answer", "value", "request"]
