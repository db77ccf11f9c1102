"""The image's size where the program itself holds it: `image_size=224` becomes `image_size=32`.

A transformer computes its number of tokens from a size that stands in the text, often through several formulas and
classes: `(image_size // patch) ** 2 + 1`. To put the number of tokens in the formula's place would run too, and leave a
program whose arguments no longer mean what they say. So the constants that are named like an image's size are given the
task's, one name after the other and then all of them, and what leaves the fewest tensors of a wrong size is kept. Names
alone decide: a size under another name (`n=196`) is mended where it is used.
"""

import ast
import re
from collections.abc import Collection, Iterator

from gi.core.protocols import Check
from gi.core.trace import Answer, Fix, Trace
from gi.core.types import Task
from gi.source.tree.tree import Replacement, Source, parse

MAX_TRIES = 6  # each is a trace, of 20 to 100 ms
_NAME = re.compile(
    r"(.*_)?(im|img|image|images|input|inp|in_img|picture)_?(size|sizes|res|resolution|side|dim|shape|height|width|hw|h|w)"
    r"|size|side|resolution|height|width",
    re.IGNORECASE,
)


def with_image_size(text: str, answer: Answer, task: Task, check: Check) -> tuple[str, Answer]:
    """The text with the task's image size in the constants named so, and its answer, where that mends something."""
    # Nothing of a wrong size: another trace would find nothing.
    if not wrong_tensors(answer):
        return text, answer
    source = parse(text)
    also = _in_formulas(source, answer)
    best, least = (text, answer), wrong_tensors(answer)
    # One name after the other: the fewer constants change, the more of the file stays as its author wrote it.
    for replacements in list(_attempts(source, task, also))[:MAX_TRIES]:
        changed = source.edited(replacements)
        tried = check(changed, task)
        wrong = wrong_tensors(tried)
        if wrong < least:
            best, least = (changed, tried), wrong
        # The next name could only make other tensors differ.
        if not wrong:
            break
    return best


def wrong_tensors(answer: Answer) -> float:
    """How many tensors that the program makes have a wrong size; infinitely many where the run stopped forward."""
    if isinstance(answer, Trace):
        return sum(is_raw_size(fix) or fix.name == "in_features" for fix in answer.fixes)
    # A run that ended forward comes after every one that did not, and one that does not build is left to others.
    return float("inf") if answer.stage == "forward" else 0


def is_raw_size(fix: Fix) -> bool:
    """Whether a fix gives a tensor of the program's own another size: its name is size0, size1, ..."""
    return fix.kind == "argument" and re.fullmatch(r"size\d", fix.name) is not None


def _in_formulas(source: Source, answer: Answer) -> set[str]:
    """The names in the expressions that give a dense layer its input width, and in what these names are assigned."""
    points = answer.points if isinstance(answer, Trace) else ()
    sites = (
        {i for f in answer.fixes if f.name == "in_features" for i in f.route} if isinstance(answer, Trace) else set()
    )
    there = [node for i in sites if not points[i].name and (node := source.expression_at(points[i].site))]
    names = {n.id for node in there if isinstance(node, ast.BinOp) for n in ast.walk(node) if isinstance(n, ast.Name)}
    assigned = [value for name, value in _named_constants(source.tree) if name in names]
    return names | {n.id for value in assigned for n in ast.walk(value) if isinstance(n, ast.Name)}


def _attempts(source: Source, task: Task, also: Collection[str] = ()) -> Iterator[list[Replacement]]:
    """The constants of each name, then those of all names."""
    by_name: dict[str, list[Replacement]] = {}
    for name, node in _named_constants(source.tree):
        wanted = _wanted(name, node, task)
        # Of names that say no size only those that a wrong formula is made of, as `n` in `(n // 4) ** 2`.
        if (_NAME.fullmatch(name) or name in also) and wanted not in ("", source.code(node)):
            by_name.setdefault(name, []).append(source.replace(node, wanted))
    yield from by_name.values()
    if len(by_name) > 1:
        yield [replacement for there in by_name.values() for replacement in there]


def _named_constants(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Each expression with the name that it is given to: a default, an argument, an assignment, an entry of a dict."""
    for node in ast.walk(tree):
        match node:
            case ast.arguments():
                named = [*node.posonlyargs, *node.args]
                yield from zip((a.arg for a in named[len(named) - len(node.defaults) :]), node.defaults, strict=True)
                yield from ((a.arg, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d)
            case ast.keyword(arg=str(name), value=value):
                yield name, value
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                yield from ((k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str))


def _wanted(name: str, node: ast.expr, task: Task) -> str:
    """The task's size in the form in which a constant gives one; "" where it is no size."""
    shape = task.input_shape
    height, width = shape[1:]
    match node:
        case ast.Constant(value=int()) if not isinstance(node.value, bool):
            # A side alone is taken for the height; of square images both are the same.
            return str(width if re.search(r"(width|w)$", name, re.IGNORECASE) else height)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if all(_is_int(e) for e in elements):
            values = {2: (height, width), 3: tuple(shape)}.get(len(elements))
            text = ", ".join(map(str, values)) if values else ""
            return "" if not text else f"({text})" if isinstance(node, ast.Tuple) else f"[{text}]"
    return ""


def _is_int(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int
