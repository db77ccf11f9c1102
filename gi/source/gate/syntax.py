"""Rules over syntax: allowed statements and expressions, bounded literals and loops, texts without format fields."""

import ast
import re
from collections.abc import Iterator

from gi.source.gate.program import COMPREHENSIONS, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

MIXED_PRECISION = frozenset({"torch.autocast", "torch.amp.autocast"})
MAX_NUMBER = 10**7
MAX_TEXT = 20_000
MAX_LOOP = 10_000
MAX_LOOPS = 4
MAX_EXPONENT = 64
#: The allowed node types. `while` has no bound, generators keep a frame, and `global`, `nonlocal` and sets hold state
#: that the other rules would have to follow.
_SYNTAX = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.FunctionDef, ast.ClassDef, ast.Return, ast.Assign,
    ast.AugAssign, ast.AnnAssign, ast.For, ast.If, ast.With, ast.withitem, ast.Raise, ast.Assert, ast.Expr, ast.Pass,
    ast.Break, ast.Continue, ast.Delete, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp, ast.Dict,
    ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Call, ast.keyword, ast.JoinedStr,
    ast.FormattedValue, ast.Constant, ast.Attribute, ast.Subscript, ast.Starred, ast.Name, ast.List, ast.Tuple,
    ast.Slice, ast.Try, ast.ExceptHandler, ast.arguments, ast.arg, ast.expr_context, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop,
)  # fmt: skip
#: Exceptions that a program may catch. Limits raise none of these, and a handler binds no name: the traceback of an
#: exception leads to frames.
_CAUGHT = frozenset({
    "TypeError", "AttributeError", "ValueError", "KeyError", "IndexError", "ImportError", "NotImplementedError",
})  # fmt: skip
#: Builtins that return an iterator, which holds a position, and what reads one to its end.
_ITERATORS = frozenset({"zip", "map", "enumerate", "reversed", "filter"})
_READERS = frozenset({"all", "any", "dict", "list", "max", "min", "sorted", "sum", "tuple"})
_READING_CLASSES = frozenset({
    "collections.OrderedDict", "torch.nn.ModuleDict", "torch.nn.ModuleList", "torch.nn.ParameterList",
})  # fmt: skip
_PERCENT = re.compile(r"%(?!(?:[sdrif%]|\.[0-9]{1,2}[fe]|[0-9]{1,2}d))")


def syntax_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses node types that are not allowed, contexts, handlers, `out=`, and iterators that may be kept."""
    for node in program.nodes:
        if not isinstance(node, _SYNTAX):
            yield refused(node, "syntax", f"{type(node).__name__} is not allowed")
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None or not _is_context(program, item.context_expr):
                    yield refused(item.context_expr, "syntax", "a context other than torch.no_grad()")
        elif isinstance(node, ast.ExceptHandler):
            if node.name or not _is_caught(node.type):
                yield refused(node, "syntax", "an exception that is bound to a name, or of a type that is not allowed")
        elif isinstance(node, ast.keyword) and node.arg == "out":
            yield refused(node.value, "state", "out= writes to a tensor that may be kept")
        elif isinstance(node, (ast.GeneratorExp, ast.Call)) and not _is_read(program, node):
            yield refused(node, "iterator", "an iterator that is not read in the same expression")


def _is_context(program: GatedProgram, context: ast.expr) -> bool:
    """Whether a context is `torch.no_grad()`, or mixed precision that is turned off."""
    if not isinstance(context, ast.Call):
        return False
    name = program.qualified(context.func)
    off = any(k.arg == "enabled" and isinstance(k.value, ast.Constant) and k.value.value is False
              for k in context.keywords)  # fmt: skip
    return name == "torch.no_grad" or (name in MIXED_PRECISION and off)


def _is_caught(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return all(map(_is_caught, kind.elts))
    return isinstance(kind, ast.Name) and kind.id in _CAUGHT


def literal_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses numbers, texts, powers and loops beyond their limits, and texts with format fields."""
    for node in program.nodes:
        if isinstance(node, ast.Constant):
            yield from _constant(node)
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            yield refused(node, "format", "a field with a format")
        elif isinstance(node, ast.BinOp):
            yield from _operation(node)
        elif isinstance(node, ast.For):
            loops = [n for n in program.around(node) if isinstance(n, ast.For)]
            if len(loops) >= MAX_LOOPS:
                yield refused(node, "loop", f"more than {MAX_LOOPS} loops in each other")
        elif isinstance(node, COMPREHENSIONS) and len(node.generators) > MAX_LOOPS:
            yield refused(node, "loop", f"more than {MAX_LOOPS} loops in each other")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            for bound in map(_value, node.args):
                if bound is not None and abs(bound) > MAX_LOOP:
                    yield refused(node, "loop", f"more than {MAX_LOOP:,} rounds")


def _constant(node: ast.Constant) -> Iterator[GateRefusal]:
    value = node.value
    if isinstance(value, str) and len(value) > MAX_TEXT:
        yield refused(node, "literal", f"a text of {len(value):,} characters; the most is {MAX_TEXT:,}")
    elif isinstance(value, int) and abs(value) > MAX_NUMBER:
        yield refused(node, "literal", f"a number beyond {MAX_NUMBER:,}")
    elif isinstance(value, (bytes, complex)):
        yield refused(node, "literal", f"a {type(value).__name__} literal")


def _operation(node: ast.BinOp) -> Iterator[GateRefusal]:
    if isinstance(node.op, (ast.Pow, ast.LShift)):
        exponent = _value(node.right)
        nested = any(isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Pow, ast.LShift))
                     for side in (node.left, node.right) for n in ast.walk(side))  # fmt: skip
        if nested or (exponent is not None and abs(exponent) > MAX_EXPONENT):
            yield refused(node, "literal", f"a power in a power, or beyond {MAX_EXPONENT}")
    elif isinstance(node.op, ast.Mult):
        value = _value(node)
        if value is not None and abs(value) > MAX_NUMBER:
            yield refused(node, "literal", f"a product beyond {MAX_NUMBER:,}")
    elif isinstance(node.op, ast.Mod) and isinstance(node.left, (ast.Constant, ast.JoinedStr)):
        texts = [n.value for n in ast.walk(node.left) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if any(_PERCENT.search(text) for text in texts):
            yield refused(node, "format", "a field with a width or a name")


def _value(node: ast.expr) -> float | None:
    """An upper bound of an expression of literal numbers, None where it has other parts; infinite on overflow."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (int, float)) and not isinstance(node.value, bool) else None
    if isinstance(node, ast.UnaryOp):
        return _value(node.operand)
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _value(node.left), _value(node.right)
    if left is None or right is None:
        return None
    try:
        if isinstance(node.op, ast.Mult):
            return float(left) * float(right)
        if isinstance(node.op, ast.Pow):
            return float(abs(float(left)) ** float(right))
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return abs(float(left)) + abs(float(right))
    except (OverflowError, ZeroDivisionError, TypeError):
        return float("inf")
    return None


def _is_read(program: GatedProgram, node: ast.GeneratorExp | ast.Call) -> bool:
    """Whether a node is no iterator, or one that is read to its end in the same expression, so that none is kept."""
    if isinstance(node, ast.Call):
        name = program.qualified(node.func)
        if name == "itertools.repeat" and len(node.args) != 2:
            return False  # without an end
        if name == "itertools.product" and (
            node.keywords or len(node.args) > MAX_LOOPS or any(map(_is_starred, node.args))
        ):
            return False  # as many loops in each other as may be written
        if not name.startswith("itertools.") and not (isinstance(node.func, ast.Name) and node.func.id in _ITERATORS):
            return True
    return _is_read_here(program, node) or _is_read_where_called(program, node)


def _is_starred(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred)


def _is_read_where_called(program: GatedProgram, node: ast.expr) -> bool:
    """Whether a function of the text returns an iterator, and all that mentions the function calls it and reads that.

    Torch calls none by such a name.
    """
    function = program.function_of(node)
    if not isinstance(program.parent[node], ast.Return) or not isinstance(function, ast.FunctionDef):
        return False
    name = function.name
    if name in program.allowed.module_members | program.allowed.attributes or function.decorator_list:
        return False
    mentions = [n for n in program.nodes if (isinstance(n, ast.Name) and n.id == name)
                or (isinstance(n, ast.Attribute) and n.attr == name)]  # fmt: skip
    calls = [program.parent[mention] for mention in mentions]
    return bool(mentions) and all(
        isinstance(call, ast.Call) and call.func is mention and _is_read_here(program, call)
        for mention, call in zip(mentions, calls, strict=True)
    )


def _is_read_here(program: GatedProgram, node: ast.expr) -> bool:
    """Whether what an expression gives is read to its end in the expression or statement around it."""
    above = program.parent[node]
    if isinstance(above, ast.Assign) and above.value is node and isinstance(above.targets[0], ast.Tuple):
        return len(above.targets) == 1 and not any(isinstance(t, ast.Starred) for t in above.targets[0].elts)
    if isinstance(above, ast.Starred) or (isinstance(above, (ast.For, ast.comprehension)) and above.iter is node):
        return True
    if isinstance(above, ast.Call) and node in above.args:
        inner = isinstance(above.func, ast.Name) and above.func.id in _READERS | _ITERATORS
        joins = isinstance(above.func, ast.Attribute) and above.func.attr in {"join", "extend"}
        return inner or joins or program.qualified(above.func) in _READING_CLASSES
    return False
