"""Figures of a network's outputs, computed by the driver, where no program can interfere.

Each figure takes the outputs (n, classes), float64, and labels (n,) of all samples, and is a share from 0 to 1.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Outputs = NDArray[np.float64]
Labels = NDArray[np.int64]


def error(logits: Outputs, labels: Labels) -> float:
    """The share of samples whose largest output is not their label."""
    return int((logits.argmax(axis=1) != labels).sum()) / len(labels)


def balanced_error(logits: Outputs, labels: Labels) -> float:
    """The mean over the classes of the share of their samples that are wrong; classes without a sample are left out."""
    count = np.bincount(labels)
    wrong = np.bincount(labels[logits.argmax(axis=1) != labels], minlength=len(count))
    present = count > 0
    return float((wrong[present] / count[present]).mean())


def auc(logits: Outputs, labels: Labels) -> float:
    """The area under the ROC curve: how often a sample of a class gets a higher probability of it than another does.

    The mean over the classes of one against the rest, which of two classes is the one area that there is; equal
    probabilities count half (Fawcett 2006, "An introduction to ROC analysis", by ranks after Mann and Whitney). A
    class without samples, or with all of them, is left out; 0.5 where none is left.
    """
    scores = _log_shares(logits)  # of float64: probabilities near 1 differ where their logarithms do
    if scores.shape[1] == 2:
        scores = scores - scores[:, ::-1]  # the log odds, which never saturate
    areas = [_area(column, labels == k) for k, column in enumerate(scores.T)]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else 0.5


def _area(scores: Outputs, is_in: NDArray[np.bool_]) -> float | None:
    """How often a sample that is in scores above one that is not; None where there are none of either."""
    inside = int(is_in.sum())
    outside = len(scores) - inside
    if not inside or not outside:
        return None
    ordered = np.sort(scores)
    below, upto = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    ranks = (below + upto + 1) / 2
    return float((ranks[is_in].sum() - inside * (inside + 1) / 2) / (inside * outside))


def _log_shares(logits: Outputs) -> Outputs:
    """The logarithms of the classes' probabilities: log_softmax."""
    shifted: Outputs = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


METRICS: Mapping[str, Callable[[Outputs, Labels], float]] = {
    "error": error,
    "balanced-error": balanced_error,
    "auc": lambda logits, labels: 1.0 - auc(logits, labels),
}
