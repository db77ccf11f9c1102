"""Shape repair: the fixes of a trace become edits of the text, until a trace brings none."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gi.errors import SourceError
from gi.seams import Check
from gi.source import places
from gi.source.imports import spelling, with_import
from gi.source.trace import Answer, Fix, Site, Stopped, Trace
from gi.source.tree import Function, Replacement, Source, parse
from gi.types import Task

MAX_ROUNDS = 4


class UnrepairableError(SourceError):
    """A fix that this text cannot take: one line builds several layers that need different values, say."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text with the answer of its last trace: it fits where that is a `Trace` without fixes."""

    text: str
    answer: Answer
    rounds: int


def repaired(text: str, task: Task, check: Check) -> Repaired:
    """The text after shape repair. Never raises for the program's fault: see `Repaired.answer`."""
    answer: Answer = check(text, task)
    for rounds in range(MAX_ROUNDS):
        if isinstance(answer, Stopped) or not answer.fixes:
            return Repaired(text, answer, rounds)
        try:
            mended = mend(text, answer)
        except UnrepairableError as error:
            return Repaired(text, Stopped("forward", "cannot repair", answer.fixes[0].site[0], str(error)), rounds)
        if mended == text:
            break
        text, answer = mended, check(mended, task)
    if isinstance(answer, Trace) and answer.fixes:
        fix = answer.fixes[0]
        return Repaired(
            text, Stopped("forward", "cannot repair", fix.site[0], f"{fix.kind} {fix.name}".strip()), MAX_ROUNDS
        )
    return Repaired(text, answer, MAX_ROUNDS)


def repair(text: str, task: Task, check: Check) -> str:
    """The program made to take `task.input_shape` and to give (n, `task.num_classes`).

    Raises `SourceError` where it does not parse or build, or cannot be made to fit.
    """
    parse(text)
    result = repaired(text, task, check)
    if isinstance(result.answer, Stopped):
        where = f"line {result.answer.line}: " if result.answer.line else ""
        raise SourceError(
            f"{where}{result.answer.reason} ({result.answer.stage}): {result.answer.detail or 'no detail'}"
        )
    return result.text


def mend(text: str, trace: Trace) -> str:
    """The text after one round of fixes. Raises `UnrepairableError`."""
    source, made = parse(text), list[Replacement]()
    taken = places.attribute_names(source)
    settled: dict[tuple[Any, ...], Any] = {}
    for fix in trace.fixes:
        key = (fix.built[:1] or fix.site, fix.kind, fix.name)
        if settled.setdefault(key, fix.value) != fix.value and fix.kind != "argument":
            raise UnrepairableError("one line builds several layers that need different values")
        made.extend(_edits(source, fix, trace, taken))
    return source.edited(_agreed(made))


def _agreed(made: Sequence[Replacement]) -> list[Replacement]:
    """The replacements, each once. Raises `UnrepairableError` where two want different texts at one place."""
    texts: dict[tuple[int, int], str] = {}
    for replacement in made:
        key = (replacement.start, replacement.end)
        if replacement.start < replacement.end and texts.setdefault(key, replacement.text) != replacement.text:
            raise UnrepairableError("one line builds several layers that need different values")
    return list(dict.fromkeys(made))


def _edits(source: Source, fix: Fix, trace: Trace, taken: set[str]) -> list[Replacement]:
    """The replacements of one fix; the names that it gives new attributes are added to `taken`."""
    match fix.kind:
        case "argument":
            return _set_argument(source, fix, trace)
        case "symbol":
            return _set_symbol(source, fix)
        case "flatten" | "pool":
            return _flatten_first(source, fix)
        case "remove":
            return places.removal(source, [_place(source, fix)])
        case "view":
            return _set_view(source, fix)
        case "project":
            return _project(source, fix, taken)
        case "head":
            return _add_head(source, fix, taken)
    raise UnrepairableError(f"no repair for {fix.kind}")


def _call(source: Source, site: Site) -> ast.Call:
    call = source.call_at(site)
    if call is None:
        raise UnrepairableError(f"no call stands at line {site[0]}")
    return call


def _place(source: Source, fix: Fix) -> places.Place:
    if fix.built:
        place = places.place_of(source, _call(source, fix.built[0]))
    else:
        place = places.functional_place(source, _call(source, fix.site))
    if place is None:
        raise UnrepairableError(f"the layer of line {fix.site[0]} stands in no style that can be edited")
    return place


# Arguments -----------------------------------------------------------------------------------------------------------


def _set_argument(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    call, value, calls = _call(source, fix.built[0]), repr(fix.value), list(fix.built[1:])
    name, position = fix.name, fix.position
    counts = dict(trace.built_counts)
    while True:
        argument = find_argument(call, name, position)
        if argument is None:
            return [add_argument(source, call, name, value)]
        function = source.function(call)
        parameter = argument.id if isinstance(argument, ast.Name) and function else ""
        index = _parameter_index(function, parameter) if function and parameter else None
        if index is None or not calls:
            break
        call, name, position = _call(source, calls.pop(0)), parameter, index
    shared = counts.get(fix.built[0], 1) > 1 and not calls and len(fix.built) == 1
    if shared and not _literal(argument) and _values_differ(fix, trace):
        raise UnrepairableError(f"line {call.lineno} builds several layers that need different values")
    return [source.replace(argument, value)]


def _values_differ(fix: Fix, trace: Trace) -> bool:
    same = [f for f in trace.fixes if f.built[:1] == fix.built[:1] and f.name == fix.name]
    return len(same) < dict(trace.built_counts).get(fix.built[0], 1) or len({f.value for f in same}) > 1


def _literal(node: ast.expr) -> bool:
    return not any(isinstance(n, ast.Name) for n in ast.walk(node))


def _parameter_index(function: Function, name: str) -> int | None:
    """The place of a parameter among those a caller gives; None where `name` is none, or is assigned anew."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    names = names[1:] if names[:1] == ["self"] else names
    stores = (n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    if name not in names or any(n.id == name for n in stores):
        return None
    return names.index(name)


def find_argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    """The expression that a call gives for a parameter, by keyword or by position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if 0 <= position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return None


def add_argument(source: Source, call: ast.Call, name: str, value: str) -> Replacement:
    """A keyword argument behind the others."""
    last = max((source.bytes_of(n)[1] for n in (*call.args, *(k.value for k in call.keywords))), default=0)
    end = source.bytes_of(call)[1] - 1
    if not last:
        return Replacement(end, end, f"{name}={value}")
    own = re.match(rb"[\s)]*\)", source.data[last:end])  # parentheses around the last argument
    last += own.end() if own else 0
    return Replacement(last, last, f", {name}={value}")


def _set_symbol(source: Source, fix: Fix) -> list[Replacement]:
    call = _call(source, fix.built[0])
    name, line = spelling(source, fix.value)
    return [source.replace(call.func, name), *([with_import(source, line)] if line else [])]


# Layers in between ---------------------------------------------------------------------------------------------------


def _flatten_first(source: Source, fix: Fix) -> list[Replacement]:
    place = _place(source, fix)
    if isinstance(place, places.Attribute):
        return _flatten_in_forward(source, fix)
    flat, imports = places.spelled(source, "torch.nn.Flatten", "")
    calls = [(flat, "flatten")]
    if fix.kind == "pool":
        pool, more = places.spelled(source, "torch.nn.AdaptiveAvgPool2d", str(fix.value))
        calls, imports = [(pool, "pool"), *calls], [*imports, *more]
    return [*places.insertion(source, place, calls, after=False), *imports]


def _flatten_in_forward(source: Source, fix: Fix) -> list[Replacement]:
    call = _call(source, fix.site)
    if not call.args:
        raise UnrepairableError(f"the call of line {fix.site[0]} has no positional argument")
    data, imports = source.code(call.args[0]), list[Replacement]()
    if fix.kind == "pool":
        name, line = spelling(source, "torch.nn.functional.adaptive_avg_pool2d")
        imports = [with_import(source, line)] if line else []
        data = f"{name}({data}, {fix.value})"
    name, line = spelling(source, "torch.flatten")
    imports += [with_import(source, line)] if line else []
    statement = source.statement(call)
    if isinstance(call.args[0], ast.Name) and isinstance(statement, (ast.Assign, ast.Return)):
        return [source.insert_before(statement, f"{call.args[0].id} = {name}({data}, 1)"), *imports]
    return [source.replace(call.args[0], f"{name}({data}, 1)"), *imports]


def _set_view(source: Source, fix: Fix) -> list[Replacement]:
    call = _call(source, fix.site)
    sizes = list(call.args)
    if sizes and isinstance(sizes[-1], (ast.Tuple, ast.List)):  # x.view((n, k)), torch.reshape(x, (n, k))
        sizes = list(sizes[-1].elts)
    if len(sizes) != 2:
        raise UnrepairableError(f"the view of line {fix.site[0]} has no two sizes")
    return [source.replace(sizes[1], str(fix.value[1]))]


def _project(source: Source, fix: Fix, taken: set[str]) -> list[Replacement]:
    node = source.node_at(fix.site)
    channels, out, stride = fix.value
    constructor = places.constructor_of(source, node) if node else None
    if node is None or constructor is None:
        raise UnrepairableError(f"the sum of line {fix.site[0]} stands in no class with a constructor")
    step = f", stride={stride}" if stride > 1 else ""
    symbol, rest = ("torch.nn.Conv2d", f", 1{step}") if stride else ("torch.nn.Linear", "")
    code, imports = places.spelled(source, symbol, f"{channels}, {out}{rest}")
    name = places.fresh("project", taken)
    taken.add(name)
    definition = source.insert_after(constructor.body[-1], f"self.{name} = {code}")
    return [definition, *_projected(source, node, fix.name, name), *imports]


def _projected(source: Source, node: ast.AST, side: str, name: str) -> list[Replacement]:
    if isinstance(node, ast.BinOp):
        operand = node.left if side == "left" else node.right
    elif isinstance(node, ast.AugAssign) and side == "left" and isinstance(node.target, ast.Name):
        return _as_assignment(source, node, node.target.id, name)
    elif isinstance(node, ast.AugAssign) and side == "right":
        operand = node.value
    else:
        raise UnrepairableError(f"the sum of line {getattr(node, 'lineno', 0)} is no plain sum")
    return source.wrap(operand, f"self.{name}(", ")")


_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


def _as_assignment(source: Source, node: ast.AugAssign, target: str, name: str) -> list[Replacement]:
    """`x += f(x)` as `x = self.name(x) + f(x)`: a line above it would change what the right side reads."""
    if type(node.op) not in _OPERATORS:
        raise UnrepairableError(f"the sum of line {node.lineno} is no plain sum")
    (start, end), (first, last) = source.bytes_of(node), source.bytes_of(node.value)
    opening, closing = ("(", ")") if isinstance(node.value, ast.BinOp) else ("", "")
    operation = f"{target} = self.{name}({target}) {_OPERATORS[type(node.op)]} {opening}"
    return [Replacement(start, first, operation), *([Replacement(last, end, closing)] if closing or last < end else [])]


def _add_head(source: Source, fix: Fix, taken: set[str], entry: str = "Net") -> list[Replacement]:
    owner = source.classes.get(entry)
    forward = (
        next((f for f in owner.body if isinstance(f, ast.FunctionDef) and f.name == "forward"), None) if owner else None
    )
    last = forward.body[-1] if forward else None
    constructor = places.constructor_of(source, last) if last else None
    if not isinstance(last, ast.Return) or last.value is None or constructor is None:
        raise UnrepairableError("the output has another shape, and forward does not end in a return")
    head, imports = "", list[Replacement]()
    dense = [("Linear", f"{fix.position}, {fix.value}")]
    layers = dense if fix.name == "flat" else [("AdaptiveAvgPool2d", "1"), ("Flatten", ""), *dense]
    for symbol, arguments in layers:
        code, more = places.spelled(source, f"torch.nn.{symbol}", arguments)
        head, imports = f"{head}, {code}" if head else code, [*imports, *more]
    whole, more = (head, []) if len(layers) == 1 else places.spelled(source, "torch.nn.Sequential", head)
    name = places.fresh("head", taken)
    definition = source.insert_after(constructor.body[-1], f"self.{name} = {whole}")
    return [definition, *places.uses_of(source, last.value, [name]), *imports, *more]
