"""The diagnosis of a trained network: its confusions, its worst mistakes, and the course of its loss."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gi.core.diagnosis import MOST_CELLS, MOST_LOSSES, MOST_MISTAKES, Diagnosis, Mistake


def diagnosis(losses: Sequence[float], batch_size: int, logits: NDArray[Any], labels: NDArray[Any]) -> Diagnosis:
    """The diagnosis of a training with these losses by step, whose network has these outputs for a whole split.

    `logits` is (n, classes), `labels` (n,); all are finite.
    """
    answers = logits.argmax(axis=1)
    cells = Counter(zip(labels.tolist(), answers.tolist(), strict=True))
    confusion = sorted(((*cell, number) for cell, number in cells.items()), key=lambda c: (-c[2], c))[:MOST_CELLS]
    wrong = np.flatnonzero(answers != labels)
    shares = _label_shares(logits[wrong], labels[wrong])
    worst = np.argsort(shares, kind="stable")[:MOST_MISTAKES]
    mistakes = (
        Mistake(int(s), int(labels[s]), int(answers[s]), float(shares[n]))
        for n, s in zip(worst, wrong[worst], strict=True)
    )
    return Diagnosis(_curve(losses, batch_size), tuple(confusion), tuple(mistakes))


def _label_shares(logits: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.float64]:
    """The softmax probability of each label, (n,)."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised[np.arange(len(labels)), labels] / raised.sum(axis=1)
    return shares


def _curve(losses: Sequence[float], batch_size: int) -> tuple[tuple[int, float], ...]:
    """Means of equal stretches, each with the samples presented at its end."""
    ends = np.linspace(0, len(losses), min(len(losses), MOST_LOSSES) + 1).astype(int).tolist()
    return tuple((end * batch_size, float(f"{np.mean(losses[start:end]):.5g}")) for start, end in pairwise(ends))
