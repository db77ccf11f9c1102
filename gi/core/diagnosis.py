"""What a training shows beside its figures, as a record that crosses processes and files."""

import math
from dataclasses import dataclass
from typing import Any

from gi.core.errors import RecordError

MOST_LOSSES = 60  # a curve of more points looks the same
MOST_CELLS = 2_500  # of a confusion matrix: all of 50 classes', the most frequent of more
MOST_MISTAKES = 24
_LARGEST = 2**53  # of a count: beyond, readers of JSON round


@dataclass(frozen=True, slots=True)
class Mistake:
    """A sample (its number in the split, from 0) that a network puts into the class `answer` and not into `label`.

    `share` is the probability that the network gave to the label, from 0 to 1.
    """

    sample: int
    label: int
    answer: int
    share: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a final training learned, and what its network gets wrong on the validation split.

    `losses` are mean training losses, each with the number of samples presented by then; `confusion` the number of
    samples for each (label, answer) that has any, the most frequent first; `mistakes` the worst, least `share` first.
    """

    losses: tuple[tuple[int, float], ...]
    confusion: tuple[tuple[int, int, int], ...]
    mistakes: tuple[Mistake, ...]


def diagnosis_from_json(answer: Any) -> Diagnosis | None:
    """What `dataclasses.asdict` made of one; None for anything else, since a candidate could have written it.

    Numbers are finite, whole ones at least 0; whether such samples and classes exist is not checked.
    """
    from gi.core.decoding import decoded

    try:
        found = decoded(Diagnosis, answer)
    except RecordError:
        return None
    counts = [number for cell in found.confusion for number in cell]
    counts += [number for m in found.mistakes for number in (m.sample, m.label, m.answer)]
    counts += [images for images, _ in found.losses]
    short = (
        len(found.losses) <= MOST_LOSSES and len(found.confusion) <= MOST_CELLS and len(found.mistakes) <= MOST_MISTAKES
    )
    sound = all(0 <= number < _LARGEST for number in counts) and all(0 <= m.share <= 1 for m in found.mistakes)
    return found if short and sound and all(math.isfinite(loss) for _, loss in found.losses) else None
