"""The time of a network's inference: by the kernel's account of its process, as a ratio to the reference network's.

Neither the program nor anything else in its process has a part in it. The driver reads from outside what the process
has used up, before it shows images and when it has their outputs, and all that was used in between counts. The
reference network runs in a process of its own and is asked in turn. What both use beside their networks (messages,
seeds, copies) is measured there, by questions that no network answers, and taken off.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gi.train.metrics import Outputs
from gi.train.scoring_process import ScoringProcess
from gi.train.shown_images import Images, Pixels
from gi.train.timed_batches import FEWEST_WINDOWS, TimedBatches, Window

_WINDOW_S = 0.003  # of one timing: several batches of a small network, beside which the messages take little
_MOST_WINDOWS = 60
_BUDGET_S = 0.1
_DEAR_S, _FEWEST_DEAR = 1.0, 5  # a network that takes tenths of a second needs fewer
_BESIDE_EACH = 3  # rounds: what is beside the networks differs less
_LEAST_BATCH_S = 1e-6  # what a network takes that does next to nothing
_RESOLVED = 1 / 4  # of what is taken off: a network that takes less cannot be told from the noise of that

Normalise = Callable[[Pixels], Images]


@dataclass(frozen=True, slots=True)
class Timing:
    """A network's time as a ratio to the reference network's, and its outputs for each window that was timed.

    The last windows had `at_once` batches.
    """

    ratio: float
    answers: list[tuple[Window, Outputs]]
    at_once: int


@dataclass(slots=True)
class _Costs:
    """Seconds of windows of one kind each: of both networks, and of as many batches that are answered without them."""

    program_s: list[float] = field(default_factory=list)
    reference_s: list[float] = field(default_factory=list)
    beside_program_s: list[float] = field(default_factory=list)
    beside_reference_s: list[float] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        return len(self.program_s)

    @property
    def are_enough(self) -> bool:
        """Whether no more windows are needed."""
        used_s = sum(self.program_s) + sum(self.reference_s)
        if used_s > _DEAR_S and self.rounds >= _FEWEST_DEAR:
            return True
        return self.rounds >= _MOST_WINDOWS or (self.rounds >= FEWEST_WINDOWS and used_s > _BUDGET_S)

    def ratio(self, at_once: int, at_once_there: int) -> float:
        """The ratio of the fastest by the batch, of which the windows of each had so many."""
        ours = _batch_s(self.program_s, self.beside_program_s, at_once)
        return ours / _batch_s(self.reference_s, self.beside_reference_s, at_once_there)


def _batch_s(windows_s: list[float], beside_s: list[float], at_once: int) -> float:
    """The seconds of a network for a batch; of the fastest, no less than can be told from what is beside it."""
    beside = min(beside_s)
    return max(min(windows_s) - beside, _RESOLVED * beside, at_once * _LEAST_BATCH_S) / at_once


class _TimedProcess:
    """Measures what a process's answers cost; what it does between two of them counts to the second."""

    def __init__(self, process: ScoringProcess) -> None:
        self._process = process
        self._spent_s = process.spent_s()

    def ask(self, images: Images, **how: bool) -> tuple[Outputs, float]:
        """The outputs, and the seconds that they took."""
        outputs = self._process.outputs(images, **how)
        before, self._spent_s = self._spent_s, self._process.spent_s()
        return outputs, self._spent_s - before


def timed(
    program: ScoringProcess,
    reference: ScoringProcess,
    batches: TimedBatches,
    normalise: Normalise,
    *,
    most_at_once: int,
) -> Timing:
    """Times the network of `program` on windows of up to `most_at_once` batches. Raises `JobFailure`.

    The fastest window of each network counts: what else the machine does only ever adds time.
    """
    ours, other = _TimedProcess(program), _TimedProcess(reference)
    answers: list[tuple[Window, Outputs]] = []
    costs = _Costs()
    at_once, at_once_there = 1, 1
    while not costs.are_enough and (window := batches.draw(at_once)):
        images = normalise(batches.pixels(window))
        outputs, took_s = ours.ask(images)
        answers.append((window, outputs))
        if len(answers) == 1:  # the first calls choose kernels
            at_once_there = _calibrated(other, images, most_at_once)
        elif took_s < _WINDOW_S / 2 and at_once < (most := min(most_at_once, batches.most_at_once)):
            # Of a window that is compared with what is scored: who wants to seem slow here has to be slow all the time.
            at_once, costs = min(most, max(2 * at_once, int(at_once * _WINDOW_S / took_s))), _Costs()
        else:
            known = np.concatenate([images[: batches.size]] * at_once_there)
            if costs.rounds % _BESIDE_EACH == 0:
                costs.beside_program_s.append(other.ask(images, idle=True)[1])
                costs.beside_reference_s.append(other.ask(known, idle=True)[1])
            costs.program_s.append(took_s)
            costs.reference_s.append(other.ask(known)[1])
    return Timing(costs.ratio(at_once, at_once_there), answers, at_once)


def _calibrated(other: _TimedProcess, batch: Images, most_at_once: int) -> int:
    """How many batches fill a window of the reference network."""
    for _ in range(2):
        _, took_s = other.ask(batch)
    return max(1, min(most_at_once, round(_WINDOW_S / max(took_s, _LEAST_BATCH_S))))
