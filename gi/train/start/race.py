"""A seeded network against the same network as its program starts it: a few steps each on the same batches.

A good donor shows within three steps, a harmful one too (experiments/13-seeding); what the loser has trained is lost,
and its cost is the training's. In short trainings of small networks most races are undecided by then, and the donors
are the better start all the same (experiments/15-evolve-with-index/potential.py).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gi.trace.program.candidate import CandidateError
from gi.trace.program.recipe import Recipe

Step = Callable[["Entrant", Tensor], float]


@dataclass(slots=True)
class Entrant:
    """A network that races, with the recipe that trains it and the losses of its steps so far."""

    net: nn.Module
    recipe: Recipe
    losses: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """After `step` steps the mean losses from step `since` on are compared.

    The seeded one has won below `wins` times the other's, has lost from `loses` times on; in between they race on.
    """

    step: int
    since: int
    wins: float
    loses: float


CHECKPOINTS = (Checkpoint(3, 2, 0.93, 1.02), Checkpoint(8, 5, 0.95, 1.0), Checkpoint(16, 9, 0.97, 0.97))
MOST_SHARE = 0.08  # of the training's steps; a training shorter than that makes the last checkpoint within it decide
MOST_OF_IT = 0.75  # of the convolutions: with fewer filled, racing on costs more than it can gain


def race(seeded: Entrant, plain: Entrant, order: Tensor, step: Step, *, share: float = 1.0) -> Entrant:
    """The winner, trained for as many rows of `order` as it has losses.

    `share` is that of the convolutions which the donors filled: a seeded network with few has little to gain and has
    to win at once. A training that is too short for all checkpoints goes on with the seeded one where none decided.
    Both take the same batches with the same random numbers. An entrant that fails loses; where both do, the plain
    one's `CandidateError` is raised.
    """
    done, affordable = 0, within(len(order))
    for checkpoint in affordable if share >= MOST_OF_IT else CHECKPOINTS[:1]:
        rows = order[done : checkpoint.step]
        state = _random_state()
        _advance(plain, rows, step)
        after = _random_state()
        _set_random_state(state)
        try:
            _advance(seeded, rows, step)
        except CandidateError:
            _set_random_state(after)
            return plain
        done = checkpoint.step
        ratio = _mean(seeded.losses[checkpoint.since - 1 :]) / max(_mean(plain.losses[checkpoint.since - 1 :]), 1e-9)
        if ratio < checkpoint.wins:
            return seeded
        if not ratio < checkpoint.loses:
            _set_random_state(after)
            return plain
    if len(affordable) < len(CHECKPOINTS):
        return seeded
    _set_random_state(after)
    return plain


def within(steps: int) -> tuple[Checkpoint, ...]:
    """The checkpoints that a training of so many steps can afford; at least the first."""
    afforded = tuple(each for each in CHECKPOINTS if each.step <= steps * MOST_SHARE)
    return afforded or CHECKPOINTS[:1]


def _advance(entrant: Entrant, rows: Tensor, step: Step) -> None:
    entrant.net.train()
    for chosen in rows:
        entrant.losses.append(step(entrant, chosen))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _random_state() -> tuple[Tensor, object]:
    return torch.get_rng_state(), random.getstate()


def _set_random_state(state: tuple[Tensor, object]) -> None:
    torch.set_rng_state(state[0])
    random.setstate(state[1])  # type: ignore[arg-type]
