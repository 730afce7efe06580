"""How long a run is and how fast it learns, fitted to the data where the settings leave it open."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, inf, pi

from prnet.training.config import Setting, TrainConfig

TIMES_SEEN = {"compact": (20, 320_000), "paper": (30, inf), "paper-ict": (30, 1_500_000)}
"""How often a run sees its data, and the most samples it takes. The paper does not say how long it
trained; 30 times 300W-LP's 122,450 photos are 3,673,500 samples."""

WARMUP = 10_000
"""Samples over which the learning rate rises, but at most a tenth of the run."""

PEAK, TRAINED_PEAK = 2e-3, 2e-4
"""Of the learning rate, from nothing and from trained weights, which a full one makes forget."""
TRAINED_STEPS = 4_000
"""In shorter runs trained weights learn more slowly still: what they lose in the first steps is not
made up. 30 portraits, 58 steps: the held-out photos' 0.90 % became 0.87 at 3e-6, 0.89 at 1.2e-5; 21
small faces of street scenes, 39 steps: 1.19 % became 1.51 at 2e-6, 2.24 at 7.8e-6."""


@dataclass(frozen=True)
class Schedule:
    """``learning_rate``: the peak. ``epoch``: samples after which the data repeat."""

    samples: int
    learning_rate: float
    warmup: float
    batch: int
    decay: float
    halve_every: int
    epoch: int

    @classmethod
    def of(cls, config: TrainConfig, *, epoch: int) -> Schedule:
        """The settings' schedule for data that repeat after ``epoch`` samples."""
        times, most = TIMES_SEEN[config.preset]
        samples = config.samples or int(min(most, max(config.batch, times * epoch)))
        fitting = min(WARMUP, samples / 10)
        return cls(
            samples=samples,
            learning_rate=peak(config, samples // config.batch),
            warmup=fitting if config.warmup is None else config.warmup,
            batch=config.batch,
            decay=config.decay,
            halve_every=config.halve_every,
            epoch=epoch,
        )

    @property
    def steps(self) -> int:
        """Of whole batches."""
        return self.samples // self.batch

    def settings(self) -> list[Setting]:
        seen = f"{self.samples} samples, each photo and view {self.samples / self.epoch:.1f} times"
        rate = Setting("learning rate", f"{self.learning_rate:g} at its peak", "ours")
        return [Setting("length", seen, "ours"), rate]

    def rate(self, step: int) -> float:
        """The learning rate of a step: halved every so many epochs, or a rise, a plateau and a
        cosine fall to 1 %."""
        seen = step * self.batch
        if self.halve_every:
            return self.learning_rate * 0.5 ** (seen // (self.epoch * self.halve_every))
        rise = (seen + self.batch) / self.warmup if self.warmup else 1.0
        left = (self.samples - seen) / (self.samples * self.decay) if self.decay else 1.0
        fall = 0.01 + 0.99 * (1 - cos(pi * min(1.0, left))) / 2
        return self.learning_rate * min(1.0, rise) * fall


def optimiser(config: TrainConfig) -> str:
    """What takes the steps, and how its rate falls, in words."""
    name = {"adamw": "AdamW", "adam": "Adam"}[config.optimizer]
    if config.halve_every:
        return f"{name}, halved every {config.halve_every} epochs"
    return f"{name}, a cosine over the last {config.decay:.0%}"


def peak(config: TrainConfig, steps: int) -> float:
    """The peak of the learning rate in a run of so many steps."""
    if config.learning_rate is not None:
        return config.learning_rate
    return PEAK if config.init is None else TRAINED_PEAK * min(1.0, steps / TRAINED_STEPS)
