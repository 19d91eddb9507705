"""Predict the links that a graph lacks."""

from __future__ import annotations

from netopsy.core.errors import require
from netopsy.core.finding import Finding, Picture
from netopsy.data.graphs import Graph
from netopsy.graphs import neural_common_neighbor as links
from netopsy.graphs.neural_common_neighbor.held_out import MODELS
from netopsy.graphs.neural_common_neighbor.links import ENOUGH, link_table
from netopsy.lab.graph_inputs import check_graph, weights_note
from netopsy.lab.recipes import GRAPH, Option, PaperRecipe

WORK = {"ncn": 480_000, "ncnc": 120_000}
"""Edges times epochs that take well under a minute of one core: a completed common neighbour costs more."""
FEW = 50
"""Links held out below which an AUC moves by several hundredths from split to split."""


def run(graph: Graph, *, model: str, top: int, held_out: float, epochs: int, seed: int) -> Finding:
    """Train a link predictor, measure it on links that it has not seen, and name the likeliest missing links."""
    check_graph(graph, least=ENOUGH)
    most = WORK[model] // epochs
    require(
        graph.edge_count <= most,
        f"the graph must have at most {most:,} edges for {epochs} epochs of {model}, and this one has "
        f"{graph.edge_count:,}",
    )
    pairs = links.candidate_pairs(graph.adjacency)
    compared = links.compare_on_held_out(graph, model, epochs=epochs, held_out=held_out, seed=seed)
    found = links.missing_links(compared.model, compared.x, graph.adjacency, top, candidates=pairs)
    auc = {str(name): float(value) for name, value in compared.measures["AUC"].items()}
    *others, own = auc
    best = max(others, key=lambda name: auc[name])
    table = link_table(found, graph)
    first, held = table.iloc[0], compared.split.test.shape[1]
    return Finding(
        sentence=f"The likeliest missing link joins {first['source']} and {first['target']}; on {held:,} links held "
        f"out the AUC of {own} is {auc[own]:.2f}, that of the best of the others, {best}, {auc[best]:.2f}.",
        reading="AUC is the area under the ROC curve: how often a link ranks above a pair without one, 0.5 for guessing"
        f"{'; so few links held out say little' if held < FEW else ''}. Probabilities were learned from as many links "
        "as other pairs, while in a graph links are far rarer: read them as an order. Asked were pairs with a common "
        "neighbour; GAE is a graph network that does not see them." + weights_note(graph),
        pictures=(
            Picture.of(
                links.plot_links(graph, compared, found, seed=seed),
                "How well rules and models tell links held out, and the links that are likely missing",
            ),
        ),
        figures={
            **{f"AUC of {name}": round(value, 4) for name, value in auc.items()},
            "links held out": held,
            "pairs asked": found.candidates,
        },
        table=(
            ("from", "to", "probability", "common neighbours"),
            *(
                (source, target, f"{probability:.3f}", f"{common:,}")
                for source, target, probability, common in table.itertuples(index=False)
            ),
        ),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.data.graph_weights import unweighted\n"
        "from netopsy.graphs.neural_common_neighbor import compare_on_held_out, link_table, missing_links\n\n"
        'graph = unweighted(read_graph("graph.csv"))\n'
        f'compared = compare_on_held_out(graph, "{model}", epochs={epochs}, held_out={held_out}, seed={seed})\n'
        f"link_table(missing_links(compared.model, compared.x, graph, {top}), graph)",
    )


RECIPE = PaperRecipe(
    paper="neural-common-neighbor",
    title="Predict the links your graph lacks",
    shows="The likeliest missing links, and how well the model tells links held out, beside rules that count common "
    "neighbours and a graph network that does not see them.",
    takes=(GRAPH,),
    run=run,
    options=(
        Option("model", "Common neighbours as they are, or completed", "ncn", choices=MODELS),
        Option("top", "Missing links to list", 20, low=1, high=100),
        Option("held_out", "Share of links held out to measure on", 0.2, low=0.05, high=0.5),
        Option("epochs", "Passes over the links in training", 60, low=1, high=200),
    ),
)
