"""How long the network takes on this device, and what it needs in memory, by size of the batch."""

from __future__ import annotations

import statistics
import time

import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject, evaluate_outputs

BATCHES = (1, 2, 4, 8, 16, 32)
REPEATS = 3


def examine(subject: Subject) -> Finding:
    """The median time of a forward pass for batches of several sizes, and the bytes of one sample's activations."""
    times = {size: _seconds(subject, size) for size in sizes(subject)}
    one, most = times[min(times)], max(times, key=lambda size: size / times[size])
    per_second = most / times[most]
    written = _written(subject)
    threads = torch.get_num_threads()
    figures: dict[str, Number] = {"threads": threads, "bytes written for one sample": written}
    return Finding(
        sentence=(
            f"One sample takes {_time(one)} on this {subject.device.type.upper()} ({threads} "
            f"thread{'s' * (threads > 1)}); in batches of {most} it answers {per_second:,.0f} samples a second."
        ),
        glance=f"{_time(one)} for one sample, {per_second:,.0f} a second in batches of {most}",
        advice=f"Batch requests by {most} where they may wait; beyond that there is little to gain here.",
        reading=(
            f"The median of {REPEATS} forward passes after one that does not count, with the threads that torch uses "
            "here. Another machine, another precision and a busier processor give other times: these are the only "
            "numbers of the report that depend on the clock."
        ),
        pictures=(Picture.of(_draw(times), "Milliseconds a sample against the size of the batch"),),
        figures=figures,
        table=(
            ("batch", "time", "samples a second"),
            *((str(size), _time(took), f"{size / took:,.0f}") for size, took in times.items()),
        ),
        code=(
            "import time\n\n"
            "start = time.perf_counter()\n"
            "model.eval()(data.inputs[:8])\n"
            "print(time.perf_counter() - start)"
        ),
    )


def sizes(subject: Subject) -> tuple[int, ...]:
    """The sizes of batches there are samples for."""
    return tuple(size for size in BATCHES if size <= len(subject.data)) or (1,)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return float((REPEATS + 1) * sum(sizes(subject)))


def _seconds(subject: Subject, size: int) -> float:
    inputs = subject.data.inputs[:size]
    evaluate_outputs(subject.model, inputs)
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        evaluate_outputs(subject.model, inputs)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def _written(subject: Subject) -> int:
    size = next((each.element_size() for each in subject.model.parameters()), 4)
    return size * sum(layer.values for layer in subject.layers)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _draw(times: dict[int, float]) -> Figure:
    drawn, axes = figure(4.6, 2.4)
    axes.plot(list(times), [1000 * took / size for size, took in times.items()], "o-", color=PALETTE[0])
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(times), [str(size) for size in times])
    axes.set(xlabel="batch", ylabel="ms a sample", ylim=(0, None))
    return drawn


INSTRUMENT = Instrument(
    name="latency",
    title="How fast it is here",
    chapter="what it is",
    examine=examine,
    term="latency",
    order=40,
    passes=passes,
    worth=35,
)
