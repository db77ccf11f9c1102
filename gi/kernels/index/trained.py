"""Whether a layer's weights were trained, judged by their distribution."""

from dataclasses import dataclass

import numpy as np

from gi.kernels.records import Floats

#: The excess kurtosis of the uniform distribution, from which most layers start.
UNIFORM_KURTOSIS = -1.2
_SMALLEST_SAMPLE = 256
_LARGEST_SAMPLE = 1 << 16


@dataclass(frozen=True, slots=True)
class Statistics:
    """Excess kurtosis of the weights and correlation of neighbours in a kernel, 0 where a kernel is one number."""

    kurtosis: float
    correlation: float
    num_weights: int
    num_pairs: int

    @property
    def untrained(self) -> str:
        """The reason why these weights count as untrained, "" where they do not.

        That is uniform and uncorrelated, as after initialisation. Too few weights to decide count as trained.
        """
        if np.isnan(self.kurtosis):
            return "all its weights are equal"
        if self.num_weights < _SMALLEST_SAMPLE or abs(self.kurtosis - UNIFORM_KURTOSIS) > _near(self.num_weights, 0.05):
            return ""
        if self.num_pairs and abs(self.correlation) > _near(self.num_pairs, 0.03):
            return ""
        return f"untrained: excess kurtosis {self.kurtosis:.2f}, correlation of neighbours {self.correlation:.2f}"


def statistics(weight: Floats) -> Statistics:
    """Statistics of a weight (out, in / groups, *kernel), of an evenly spaced sample where it is large."""
    kernels = weight.reshape(-1, *weight.shape[2:])
    step = max(1, weight.size // _LARGEST_SAMPLE)
    sample = kernels[::step].astype(np.float64)
    # Scaled to 1, so that the check for equal weights is relative to their size.
    sample /= np.abs(sample).max() or 1
    sample -= sample.mean()
    variance = float((sample**2).mean())
    if variance < 1e-12:
        return Statistics(float("nan"), 0.0, weight.size, 0)
    kurtosis = float((sample**4).mean() / variance**2) - 3
    products = [_neighbour_products(sample, axis) for axis in range(1, sample.ndim) if sample.shape[axis] > 1]
    num_pairs = sum(part.size for part in products)
    total = sum(float(part.sum()) for part in products)
    return Statistics(kurtosis, total / variance / num_pairs if num_pairs else 0.0, sample.size, num_pairs)


def _neighbour_products(sample: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", axis: int) -> Floats:
    moved = np.moveaxis(sample, axis, 0)
    return np.asarray(moved[1:] * moved[:-1])


def _near(count: int, systematic: float) -> float:
    """The tolerance for a statistic of a sample of this size: three standard errors and a margin."""
    return float(systematic + 3 / np.sqrt(count))
