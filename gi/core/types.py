"""The nouns that every stage shares: frozen records, no behaviour beyond small queries, no imports of stages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from gi.core.diagnosis import Diagnosis


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
    """What a program must fit: `input_shape` is (channels, height, width), the output is (n, num_classes).

    `class_shares` is which share of the training samples each class has, () without a data set. A program fits or
    not whatever they are, so tasks that differ in them alone are equal.
    """

    input_shape: tuple[int, int, int]
    num_classes: int
    class_shares: tuple[float, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text: operator, the type of the line, its number in that text, the code before and after.

    Where an offspring has several edits, each but the first changes the text that the one before it gave.

    `origin` is the ingredient's, None where nothing was borrowed (a deletion, a tweak) or the origin is unknown.
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

    `id` is the digest of the normalised text, `fingerprint` that of what it computes, "" if undetermined; `crossed`
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

    `fingerprint` is equal for programs that compute and train the same, "" where it was not determined.
    """

    id: str
    text: str
    generation: int
    parents: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    tries: tuple[Try, ...] = ()
    origin: Origin | None = None
    fingerprint: str = ""


Stage = Literal["gate", "parse", "build", "forward", "recipe", "train", "measure", "worker"]


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
        """The layers that began as the parent's, whether or not donated ones won the race."""
        return tuple(layer for layer in self.layers if layer.how == "inherited")

    @property
    def donated(self) -> tuple[SeededLayer, ...]:
        """The layers that an index filled; none where no donor fits, or none was asked."""
        return tuple(layer for layer in self.layers if layer.how != "inherited")


@dataclass(frozen=True, slots=True)
class Scored:
    """An evaluation that succeeded: a finite value for every objective's name.

    `seeding` says how its training began, if not by the program alone; `cached` that an earlier run did this
    training, and paid its cost; `diagnosis` is there for final trainings.
    """

    values: Mapping[str, float]
    cost: Cost = field(default_factory=Cost)
    seeding: Seeding | None = None
    cached: bool = False
    diagnosis: Diagnosis | None = None


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
