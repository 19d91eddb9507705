"""Attack a network's answer to a picture by questions alone; and its answers to held-out images."""

from __future__ import annotations

from statistics import median

from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure, figure_grid, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, Asked, ask
from netopsy.lab.random_regions import random_regions
from netopsy.lab.recipes import IMAGE, NETWORK, Option, PaperRecipe
from netopsy.robustness.feature_guided_attack import (
    SearchResult,
    feature_guided_searches,
    keypoint_partition,
    sift_keypoints,
    stride_for,
)

DRAWS = 10
"""Searches by random regions, each with as many questions as the one by keypoints."""


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, queries: int, seed: int) -> Finding:
    """The fewest pixels found whose change changes the answer, by keypoints and by random regions."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    guided, chance = _searched(asked, queries, seed)
    pixels = guided.image[0].numel()
    found = [int(each.severity) for each in chance if each.success]
    return Finding(
        sentence=f"{asked.said} {_said(asked, guided, queries, pixels)}; {_beside(guided, found)}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} Keypoints (SIFT, the circles) divide the picture; a tree search picks keypoints and "
        "pixels of their regions, sets each to its opposite extreme and gives back every pixel that is not needed, all "
        f"by asking the network. The squares are the pixels that were changed. It is an upper bound: that more "
        f"questions find nothing smaller is not shown. The control is {DRAWS} searches with as many questions each, in "
        "which every keypoint has as many pixels, but anywhere: where they find as few, the network minds any pixels "
        "and not those at keypoints.",
        pictures=(asked.shown(), *_pictures(asked, guided, chance)),
        figures=asked.figures
        | {"pixels of the picture": pixels, "questions": queries}
        | (
            {"pixels changed": int(guided.severity), "answer then": asked.names[guided.predicted]}
            if guided.success
            else {}
        )
        | {"random searches that changed the answer": len(found)}
        | ({"pixels changed, median of random searches": median(found)} if found else {}),
        table=_table(asked, guided, chance),
        code=f"{asked.code}\n\n"
        "from netopsy.robustness.feature_guided_attack import feature_guided_search\n\n"
        f"found = feature_guided_search(model, image, max_queries={queries}, stride={stride_for(pixels)})\n"
        "found.plot()",
    )


def _searched(asked: Asked, queries: int, seed: int) -> tuple[SearchResult, list[SearchResult]]:
    """The search by keypoints, and those by random regions."""
    shape = (asked.image.shape[1], asked.image.shape[2])
    keypoints = sift_keypoints(asked.image)
    chance = [random_regions(keypoints, shape, derive(seed, "regions", number)) for number in range(DRAWS)]
    guided, *others = feature_guided_searches(
        asked.model,
        asked.image.repeat(1 + DRAWS, 1, 1, 1),
        [asked.answer] * (1 + DRAWS),
        keypoints=[keypoints] * (1 + DRAWS),
        regions=[keypoint_partition(keypoints, shape), *chance],
        seed=[derive(seed, "search", number) for number in range(1 + DRAWS)],
        max_queries=queries,
        stride=stride_for(shape[0] * shape[1]),
    )
    return guided, others


def _pixels(count: float) -> str:
    return f"{count:g} pixel{'' if count == 1 else 's'}"


def _said(asked: Asked, guided: SearchResult, queries: int, pixels: int) -> str:
    if not guided.success:
        return f"No change of pixels to their opposite extreme that changes it was found with {queries} questions"
    return (
        f"Setting {_pixels(guided.severity)} of {pixels} to the opposite extreme makes it "
        f"{asked.names[guided.predicted]}, found with {queries} questions"
    )


def _beside(guided: SearchResult, found: list[int]) -> str:
    if not found:
        return f"of {DRAWS} searches by random regions none found any"
    middle = median(found)
    text = f"by random regions it takes {middle:g} (median; {len(found)} of {DRAWS} found {min(found)} to {max(found)})"
    worse = not guided.success or middle <= guided.severity
    return f"{text}, so that keypoints are no better guide here than chance" if worse else text


def _table(asked: Asked, guided: SearchResult, chance: list[SearchResult]) -> tuple[tuple[str, ...], ...]:
    head = ("search", "pixels changed", "answer then", "questions")
    named = {"by keypoints": guided} | {f"by random regions, {number}": each for number, each in enumerate(chance, 1)}
    rows = (
        (
            name,
            f"{each.severity:g}" if each.success else "none found",
            asked.names[each.predicted] if each.success else asked.name,
            str(each.n_queries),
        )
        for name, each in named.items()
    )
    return (head, *rows)


def _pictures(asked: Asked, guided: SearchResult, chance: list[SearchResult]) -> tuple[Picture, ...]:
    new = asked.names[guided.predicted]
    words = f"and beside it one that is answered {new}" if guided.success else "whose answer stays"
    return (
        Picture.of(
            _drawn(asked, guided), f"The picture as the network is fed it, {words}; keypoints and changed pixels"
        ),
        Picture.of(
            _progress(guided, chance),
            "The fewest changed pixels against the questions asked, by keypoints and by random regions",
        ),
    )


@style()
def _drawn(asked: Asked, guided: SearchResult) -> Figure:
    drawn, axes = figure_grid(1, 1, 4.6, 2.5)
    guided.plot(axes[0, 0])
    text = f"{asked.name} becomes {asked.names[guided.predicted]} by {_pixels(guided.severity)}"
    axes[0, 0].set_title(text if guided.success else f"{asked.name} stays", fontsize=8, loc="left")
    return drawn


@style()
def _progress(guided: SearchResult, chance: list[SearchResult]) -> Figure:
    drawn, ax = figure(5.2, 2.8)
    for number, each in enumerate([*chance, guided]):
        own = each is guided
        color, name = (PALETTE[1], "by keypoints") if own else (PALETTE[5], "by random regions" if not number else "")
        steps = [*each.history, (each.n_queries, each.history[-1][1])] if each.history else []
        asked, severities = zip(*steps, strict=True) if steps else ((), ())
        ax.step(asked, severities, where="post", color=color, alpha=1 if own else 0.6, lw=2 if own else 1, label=name)
    ax.set(xlabel="questions asked", ylabel="fewest changed pixels", ylim=(0, None))
    ax.legend()
    return drawn


RECIPE = PaperRecipe(
    paper="feature-guided-attack",
    title="Find how few pixels change the answer to your picture",
    shows="The fewest pixels whose change changes the answer, found without gradients from salient points of your "
    "picture, beside what random regions find; and the same over held-out images.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("feature-guided-attack",),
    options=(*OPTIONS, Option("queries", "Questions that each search may ask the network", 400, low=20, high=2000)),
)
