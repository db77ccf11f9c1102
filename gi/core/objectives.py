"""What a search minimises: objectives, the metrics that the first one may be, and constraints on them."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gi.core.figures import count_text, duration_text, share_text, spread_text

FINAL_FIGURES = ("validation_error", "accuracy", "auc", "validation_accuracy", "validation_auc")
"""What a final training's values hold beside the objectives, whose `error` is then that on the test split."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One figure that the search minimises: `key` is its name in `Scored.values`.

    `reference` is its coordinate of the hypervolume's reference point, None where it is fixed from the first
    generation's worst value; `log` objectives (errors, counts, times) enter selection and hypervolume as logarithms.
    For a `bounded` objective the reference comes from the seed programs alone, with `reference` as its upper limit, and
    individuals beyond it are infeasible. How it is read is `figure`: a share in percent, a count with k and M, seconds
    or a plain ratio; `heading` says in a column's head what it is measured on, `axis` is a plot's label, and on a
    logarithmic scale a value below `least` is `least`. Below its `floor` a `log` objective wins nothing: selection and
    hypervolume take a smaller value for that one. `final_key` is its name in the outcome of a final training, where
    that is another one. `name` is what it is called, where that is not its key.
    """

    key: str
    unit: str
    reference: float | None = None
    log: bool = False
    bounded: bool = False
    figure: Literal["share", "count", "seconds", "ratio"] = "ratio"
    heading: str = ""
    axis: str = ""
    least: float = 1e-6
    floor: float = 0.0
    final_key: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        """What it is called where people read it."""
        return self.name or self.key

    def scaled(self, value: float) -> float:
        """`value` as selection and hypervolume see it: in decades for a `log` objective, as it is for another."""
        return self.decades(max(value, self.floor)) if self.log else value

    def decades(self, value: float) -> float:
        """The logarithm of `value` to the base of 10, of `least` for what is less."""
        return math.log10(max(value, self.least))

    def excess(self, value: float, reference: float) -> float:
        """How far `value` lies beyond what is feasible; 0 for a feasible one, and where nothing bounds it."""
        return max(value - reference, 0.0) if self.bounded else 0.0

    def text(self, value: float) -> str:
        """`value` as a person reads it: 1.23%, 12.3k, 0.42s, 0.234."""
        match self.figure:
            case "share":
                return share_text(value)
            case "count":
                return count_text(value)
            case "seconds":
                return f"{value:.3g}s" if value < 60 else duration_text(value)
            case _:
                return f"{value:.3g}"

    def mean_text(self, values: Sequence[float]) -> str:
        """The mean of `values`, of a share with their deviation; "-" for none."""
        if self.figure == "share":
            return spread_text(values)
        return self.text(statistics.fmean(values)) if values else "-"

    def change_text(self, difference: float, noise: float = 0.0) -> str:
        """A difference with its sign, and ± `noise` where there is any: -0.52% ± 0.31, +1.2k, +0.013."""
        sign = "+" if difference > 0 else ""
        if self.figure == "count":
            return f"{sign}{count_text(difference)}"
        scale, digits, unit = (100, 2, "%") if self.figure == "share" else (1, 3, "")
        spread = f" ± {scale * noise:.{digits}f}" if noise else ""
        return f"{sign}{scale * difference:.{digits}f}{unit}{spread}"

    def tick_text(self, value: float) -> str:
        """`value` beside an axis: no digit that says nothing."""
        if self.figure == "count":
            return count_text(value)
        return f"{100 * value:g}%" if self.figure == "share" else f"{value:g}"


OBJECTIVES: Mapping[str, Objective] = {
    o.key: o
    for o in (
        Objective("error", "share of the validation samples", reference=1.0, log=True, bounded=True, figure="share",
                  heading="validation", axis="validation error", least=1e-4, final_key="validation_error"),
        # Decades below 100 parameters would draw a search to networks that average an image and guess by it.
        Objective("params", "parameters", log=True, figure="count", axis="parameters", floor=100),
        # Nor below a twentieth of the reference network, a few microseconds for an image: noise is decades there.
        Objective("time", "CPU time of inference, as a ratio to the reference network", log=True,
                  heading="x reference", axis="inference time (x reference network)", floor=0.05),
        Objective("macs", "multiply-adds per sample", log=True, figure="count", heading="per sample",
                  axis="multiply-adds per sample"),
        Objective("train_time", "CPU seconds of training", log=True, figure="seconds", heading="CPU",
                  axis="training (CPU seconds)"),
        Objective("size", "characters of normalised source", log=True, figure="count", heading="characters",
                  axis="characters of source"),
    )
}  # fmt: skip

METRICS: Mapping[str, Objective] = {
    "error": OBJECTIVES["error"],
    "balanced-error": dataclasses.replace(
        OBJECTIVES["error"],
        name="balanced error",
        unit="mean over the classes of the share of their validation samples",
        axis="validation balanced error",
    ),
    "auc": dataclasses.replace(
        OBJECTIVES["error"],
        name="1 - AUC",
        unit="1 - area under the ROC curve on the validation samples",
        axis="validation 1 - AUC",
    ),
}
"""What the objective "error" measures, by the metric of a run: each is a share, less is better."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a program of a run must not go beyond: a `limit` above 0 for the figure called `key` in `Scored.values`."""

    key: str
    limit: float

    def excess(self, values: Mapping[str, float]) -> float:
        """How many decades the figure lies beyond the limit; 0 where it is within, and where it was not measured."""
        value = values.get(self.key, 0.0)
        return math.log10(value / self.limit) if value > self.limit else 0.0

    def __str__(self) -> str:
        return f"--max-{self.key} {OBJECTIVES[self.key].text(self.limit)}"


def total_excess(values: Mapping[str, float], constraints: Sequence[Constraint]) -> float:
    """How many decades values lie beyond all constraints together; 0 for what keeps each of them."""
    return sum(constraint.excess(values) for constraint in constraints)
