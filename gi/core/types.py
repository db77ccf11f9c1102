"""The nouns that every stage shares: frozen records, no behaviour beyond small queries, no imports of stages."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from gi.core.figures import count_text, duration_text, share_text, spread_text


class LineType(StrEnum):
    """The type of a line, after torch's own filing (`torch.nn` documentation sections, `torch.optim`, ...)."""

    CONNECTION = "connection"
    ACTIVATION = "activation"
    NORMALIZATION = "normalization"
    POOLING = "pooling"
    REGULARIZATION = "regularization"
    RESHAPE = "reshape"
    LOSS = "loss"
    OPTIMIZER = "optimizer"
    SCHEDULER = "scheduler"
    AUGMENTATION = "augmentation"
    BLOCK = "block"


RECIPE_TYPES = frozenset({LineType.LOSS, LineType.OPTIMIZER, LineType.SCHEDULER, LineType.AUGMENTATION})
MODEL_TYPES = frozenset(LineType) - RECIPE_TYPES


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line or a program comes from.

    `repository` is a URL, a folder or `package==version`; `commit` the full hash or ""; `path` is relative to the
    repository's root; `line` is 1-based; `licence` an SPDX identifier or "unknown".
    """

    repository: str
    commit: str
    path: str
    line: int
    licence: str


@dataclass(frozen=True, slots=True)
class Program:
    """The text of one Python module and where it comes from (`origin.line` is 1).

    `original` is the file as it was, where the text is not all of it: a user's own model, as a seed program.
    """

    text: str
    origin: Origin
    original: bytes | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source text: lines 1-based, columns 0-based in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class TypedCall:
    """One call whose function has a line type.

    `symbol` is the public qualified name ("torch.nn.Conv2d", or "BasicBlock" for a class of the same file); `code` is
    the call's source with the function spelled by its symbol; `names` are the free names of its arguments, each with
    the literal that it has in the donor's scope (a default argument, a constant) or None.
    """

    line: int
    symbol: str
    type: LineType
    span: Span
    code: str
    names: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A logical line with at least one typed call; `type` is that of its outermost typed call, `code` is dedented."""

    line: int
    end_line: int
    type: LineType
    code: str
    calls: tuple[TypedCall, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A harvested module class, and what trying it on meta tensors found.

    `source` is the text of a module that defines the class `name` and everything that it uses. `arguments` give each
    parameter that has to be given an expression over the names `channels_in`, `channels_out` and `stride`, or a
    literal; `channels_in`, `channels_out` and `stride` are the parameters that set these (None where there is none),
    and the output has `factor` times as many channels as the value of `channels_out`, or as the input where no
    parameter sets them. `keeps_channels` says that the output must have as many channels as the input. Widths are
    multiples of `channels_step`, images at least `least_size` high and wide and multiples of `size_step`; they come out
    `size_factor` times as high and wide. `params` counts the parameters of the block from 64 to 64 channels, or as near
    as it can be built.
    """

    name: str
    source: str
    arguments: tuple[tuple[str, str], ...]
    channels_in: str | None
    channels_out: str | None
    stride: str | None
    factor: float
    input: Literal["image", "features", "tokens", "channels last"]
    keeps_channels: bool
    channels_step: int
    size_step: int
    least_size: int
    size_factor: float
    params: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What an edit brings: one typed call of a donor, with the line that it stood in and its origin.

    `source` is the text of a module that defines what `call` uses, where it uses more than the installed libraries;
    `block` is the block that is called, where `type` is `LineType.BLOCK` and the corpus tried it.
    """

    type: LineType
    symbol: str
    code: str
    call: str
    names: tuple[tuple[str, str | None], ...]
    origin: Origin
    source: str = ""
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a program must fit: `input_shape` is (channels, height, width), the output is (n, num_classes)."""

    input_shape: tuple[int, int, int]
    num_classes: int


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text: operator, the type of the line, its number in that text, what stood there before and after.

    Where an offspring has several edits, each but the first changes the text that the one before it gave.

    `origin` is the ingredient's, None where nothing was borrowed (a deletion, a tweak) or where nothing tells whence.
    """

    operator: str
    type: LineType
    line: int
    before: str
    after: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt of the variation: `reason` is "" where it was accepted, else why it was refused, at which stage."""

    operator: str
    stage: str = ""
    reason: str = ""
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the try became an offspring."""
        return not self.stage


#: The reason of a try whose program has more parameters than the run allows: it was not trained.
BEYOND_MAX_PARAMS = "beyond --max-params"


@dataclass(frozen=True, slots=True)
class Offspring:
    """The result of one variation: an accepted text with its edits, and every try that led to it.

    `id` is the digest of the normalised text, `fingerprint` that of what it computes, "" where nobody looked; `crossed`
    says whether the second parent gave any of it.
    """

    id: str
    text: str
    edits: tuple[Edit, ...]
    tries: tuple[Try, ...]
    fingerprint: str = ""
    crossed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A variation all of whose tries were refused."""

    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Individual:
    """One program of a run. `id` is the digest of its normalised text; `parents` are ids, empty for seed programs.

    `fingerprint` is equal for programs that compute and train the same, "" where nobody looked.
    """

    id: str
    text: str
    generation: int
    parents: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    tries: tuple[Try, ...] = ()
    origin: Origin | None = None
    fingerprint: str = ""


Stage = Literal["parse", "build", "forward", "recipe", "train", "measure", "worker"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one evaluation took: CPU seconds in training, in measuring, and in all of the worker; wall seconds."""

    train_cpu_s: float = 0.0
    measure_cpu_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SeededLayer:
    """Which layer of a network came from which layer of which other network, and how many of its channels.

    From an index `how` is "connected" (what it reads came along), "first layer" (nothing after it did) or "rescaled"
    (connected, its scale fitted to the data). From a parent it is "inherited", and `network` is the id of the
    individual that was trained.
    """

    layer: str
    network: str
    donor_layer: str
    channels: int
    how: str


@dataclass(frozen=True, slots=True)
class Seeding:
    """How a training began: the layers inherited from the parent, and those filled from an index.

    `won` says whether the network with the index's layers won its race and was trained on; `cpu_s` is what all this
    cost beside the steps that count.
    """

    layers: tuple[SeededLayer, ...]
    won: bool
    cpu_s: float

    @property
    def inherited(self) -> tuple[SeededLayer, ...]:
        """The layers that began as the parent's, whoever won the race."""
        return tuple(layer for layer in self.layers if layer.how == "inherited")

    @property
    def donated(self) -> tuple[SeededLayer, ...]:
        """The layers that an index filled; none where no donor fits, or none was asked."""
        return tuple(layer for layer in self.layers if layer.how != "inherited")


@dataclass(frozen=True, slots=True)
class Scored:
    """An evaluation that succeeded: a finite value for every objective's name.

    `seeding` tells how its training began, where not only its program had a say; `cached` that an earlier run did this
    training, and paid its cost.
    """

    values: Mapping[str, float]
    cost: Cost = field(default_factory=Cost)
    seeding: Seeding | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """An evaluation that did not: the stage, a short stable `reason` to group by, and the `detail` of this one.

    `cached` as in `Scored`.
    """

    stage: Stage
    reason: str
    detail: str = ""
    cost: Cost = field(default_factory=Cost)
    cached: bool = False


Outcome: TypeAlias = Scored | Failed

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
    logarithmic scale a value below `least` is `least`. `final_key` is its name in the outcome of a final training,
    where that is another one. `name` is what it is called, where that is not its key.
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
    final_key: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        """What it is called where people read it."""
        return self.name or self.key

    def scaled(self, value: float) -> float:
        """`value` as selection and hypervolume see it: in decades for a `log` objective, as it is for another."""
        return self.decades(value) if self.log else value

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
        Objective("params", "parameters", log=True, figure="count", axis="parameters"),
        Objective("time", "CPU time of inference, as a ratio to the reference network", log=True,
                  heading="x reference", axis="inference time (x reference network)"),
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
