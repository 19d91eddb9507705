"""Do hidden layers forget the input, and why? Shwartz-Ziv and Tishby 2017 re-tested.

Five perceptrons a condition train as one stack: tanh, ReLU, and tanh without the noise of mini-batches, for as many
steps; fewer hidden layers for the claim on depth. Information is over all 4096 inputs.
"""

from netopsy.lab import Study
from netopsy.studies.representations.information_plane.draw import draw
from netopsy.studies.representations.information_plane.judge import judge
from netopsy.studies.representations.information_plane.measure import curve, path, speed
from netopsy.studies.representations.information_plane.plan import Config, plan

STUDY = Study(
    paper="information-plane",
    presets={
        "smoke": Config(seeds=2, together=2, widths=(4, 3), epochs=6, checkpoints=4, betas=(1.1, 2.0, 100.0)),
        "laptop": Config(),
        "paper": Config(seeds=50, epochs=8000, lr=4e-4, checkpoints=150),
    },
    plan=plan,
    measures=(curve, path, speed),
    judge=judge,
    draw=draw,
)
