"""What the check worker answers: plain records of one run on meta tensors, or where and why the program stopped.

The worker runs untrusted programs, so its answer arrives as JSON values; `answer_from_json` is the only reader.
A *site* is a stretch of the program's text as Python's `ast` counts it: (line, column, end line, end column), lines
1-based, columns 0-based in UTF-8 bytes.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

from gi.core.types import Stage

Site: TypeAlias = tuple[int, int, int, int]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One call that data flowed through, in order of execution.

    `symbol` is the public qualified name of the layer or function; `site` the call in the text that ran it; `built`
    the constructor call of the layer with the calls that led to it, innermost first (empty for a function);
    `inputs` and `output` are shapes with the batch dimension; `params` the number of the layer's parameters; `settings`
    the literal values that the layer was really built with, by parameter name; `axes` the axis of the channels in the
    first input and in the output, counted without the batch dimension, -1 where it is unknown.
    """

    symbol: str
    site: Site
    built: tuple[Site, ...]
    inputs: tuple[Shape, ...]
    output: Shape
    params: int = 0
    settings: tuple[tuple[str, str], ...] = ()
    axes: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Fix:
    """What would make a call fit the input that it really gets.

    kind "argument": argument `name` (position `position` in the signature) of the constructor becomes `value`;
    "symbol": the called class becomes `value`; "flatten", "pool": the input is flattened, or pooled and flattened,
    first; "pad": the call that pads channels gives `value` of them; "lazy": the lazy class becomes its plain one, whose
    first argument, `name`, is `value`; "remove": the call is left out; "inplace": it makes a new tensor; "head": the
    output becomes (n, `value`) by pooling, flattening and one dense layer; "shrink": an image is pooled to `value[0]`
    high and wide before it is flattened; "view": the sizes of a view become `value`; "reshape": a view becomes a
    reshape; "project": operand `name` (left or right) of an elementwise operation passes through a 1x1 convolution
    whose (in, out, stride) is `value` (for stride 0, through a dense layer); "resize": an operand is pooled to the size
    `value`, that of the other one or, without a `name`, of the smallest element of a concatenation. `route` names the
    points, as indices, that could give the value: for an argument from the expression in the constructor call outwards,
    the call itself last.
    """

    kind: str
    site: Site
    built: tuple[Site, ...] = ()
    name: str = ""
    position: int = -1
    value: Any = None
    route: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One time that a point gave a value: what it gave, what the layers that got it need (nothing where they are free,
    several where they disagree), and the readable names of whole numbers in scope there, with their values in the run
    and after all fixes."""

    value: Any
    wanted: tuple[Any, ...]
    names: tuple[tuple[str, int], ...] = ()
    mended: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """A place of the text that gives a value: the expression at `site` or, with a `name`, an argument of that call.

    `position` is the argument's in the signature. For a sum or a concatenation the name is "sum", and a case's value
    the shapes of the operands, none for an object whose sum never runs. `cases` are in order of time; `derives` says
    that others were computed from these.
    """

    site: Site
    name: str = ""
    position: int = -1
    cases: tuple[Case, ...] = ()
    derives: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """A program that ran to the end, if need be with `fixes` applied on the fly: it fits as it is if there are none.

    `unused` are the constructor sites of layers that no data reached; `no_gradient` the names of parameters that the
    output does not depend on; `fingerprint` is equal for programs that compute and train the same, `model` the part
    of it that stands for the network alone; `built_counts` says how many layers each constructor site built; `network`
    is the name of the class whose object the entry built, "" where that class stands not in the text; `points` are the
    places that the fixes' routes name.
    """

    uses: tuple[Use, ...]
    fixes: tuple[Fix, ...]
    unused: tuple[Site, ...]
    no_gradient: tuple[str, ...]
    num_params: int
    model: str
    fingerprint: str
    built_counts: tuple[tuple[Site, int], ...]
    network: str = ""
    points: tuple[ValuePlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A program that did not run to the end: stage, a short stable reason, the line of its text (0 if none), detail."""

    stage: Stage
    reason: str
    line: int = 0
    detail: str = ""


Answer: TypeAlias = Trace | Stopped


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def answer_as_json(answer: Answer) -> dict[str, Any]:
    """The JSON values of a record: uses as lists in the order of their fields, for there are many."""
    if isinstance(answer, Stopped):
        return asdict(answer)
    plain = {f.name: getattr(answer, f.name) for f in fields(answer)}
    uses = [(u.symbol, u.site, u.built, u.inputs, u.output, u.params, u.settings, u.axes) for u in answer.uses]
    return plain | {
        "uses": uses,
        "fixes": [asdict(f) for f in answer.fixes],
        "points": list(map(asdict, answer.points)),
    }


def answer_from_json(stored: dict[str, Any]) -> Answer:
    """The record that the worker's JSON stands for. Raises `TypeError` or `KeyError` where it stands for none."""
    given = {key: _tuples(value) for key, value in stored.items()}
    if "stage" in given:
        return Stopped(**given)
    uses = tuple(Use(*use) for use in given.pop("uses"))
    fixes = tuple(Fix(**{k: _tuples(v) for k, v in fix.items()}) for fix in given.pop("fixes"))
    points = tuple(_point(**point) for point in given.pop("points"))
    return Trace(uses=uses, fixes=fixes, points=points, **given)


def _point(site: Any, name: Any, position: Any, cases: Any, derives: Any) -> ValuePlace:
    of_place = tuple(Case(**{k: _tuples(v) for k, v in case.items()}) for case in cases)
    return ValuePlace(_tuples(site), name, position, of_place, derives)
