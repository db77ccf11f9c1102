"""Values that a class keeps from one call to the next, computed each time instead; and what only kept them.

`if key not in self.cache: self.cache[key] = f(key)`, `return self.cache[key]` gives what `f(key)` gives. Once nothing
reads a cache, what empties it goes too, and so do methods that are left with nothing but to call the one above.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from gi.core.errors import SourceError
from gi.source.tree.tree import Replacement, Source


def computed_each_time(text: str) -> str:
    """The text with the value in place of a look into a cache. One that does not parse comes back as it is."""
    if " not in self." not in text:
        return text
    try:
        source = Source(text)
        return Source(source.edited(list(_edits(source)))).text
    except (SourceError, RecursionError):
        return text


def _edits(source: Source) -> Iterator[Replacement]:
    for node in ast.walk(source.tree):
        for field in ("body", "orelse"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                for first, second in pairwise(body):
                    value = _looked_up(first, second)
                    if value is not None:
                        start, end = source.bytes_of(first)[0], source.bytes_of(second)[1]
                        yield Replacement(start, end, f"return {source.code(value)}")


def _looked_up(first: ast.stmt, second: ast.stmt) -> ast.expr | None:
    """What two statements give that fill a cache and return out of it, None where they are others."""
    match first, second:
        case (
            ast.If(
                test=ast.Compare(left=ast.Name() | ast.Constant() as key, ops=[ast.NotIn()], comparators=[cache]),
                body=[ast.Assign(targets=[ast.Subscript() as filled], value=value)],
                orelse=[],
            ),
            ast.Return(value=ast.Subscript() as given),
        ):
            wanted = ast.unparse(ast.Subscript(cache, key, ast.Load()))
            alike = wanted == ast.unparse(filled) == ast.unparse(given)
            return value if alike and _own_attribute(cache) else None
    return None


def _own_attribute(node: ast.AST) -> str:
    """The name of an attribute of `self`, "" for anything else."""
    itself = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if itself and isinstance(node, ast.Attribute) else ""


def unread_caches(tree: ast.Module) -> set[ast.stmt]:
    """The statements that make or empty dictionaries that nothing reads."""
    keeping: dict[str, set[ast.stmt]] = defaultdict(set)
    for statement in ast.walk(tree):
        if isinstance(statement, ast.stmt) and (name := _kept_by(statement)):
            keeping[name].add(statement)
    inside = {node: name for name, each in keeping.items() for statement in each for node in ast.walk(statement)}
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        texts = node.value.split() if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        for mentioned in (name, *texts):
            if mentioned in keeping and inside.get(node) != mentioned:
                del keeping[mentioned]
    return {statement for each in keeping.values() for statement in each}


def _kept_by(statement: ast.stmt) -> str:
    """The name of the dictionary that a statement makes, empties or declares and does nothing else, "" for others."""
    match statement:
        case ast.Assign(targets=[target], value=ast.Dict(keys=[])):
            return _own_attribute(target)
        case ast.AnnAssign(target=ast.Name(id=name), value=None):
            return name
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=cache, attr="clear"), args=[], keywords=[])):
            return _own_attribute(cache)
        case ast.If(test=test, body=[only], orelse=[]):
            return name if (name := _own_attribute(test)) and name == _kept_by(only) else ""
    return ""


def passing_on(tree: ast.Module) -> set[ast.stmt]:
    """The methods that call the one above with what they are given, and do nothing else."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {m for c in classes for m in c.body if isinstance(m, ast.FunctionDef) and _passes_on(m)}


def _passes_on(method: ast.FunctionDef) -> bool:
    body = method.body[1:] if ast.get_docstring(method) is not None else method.body
    marks = {ast.unparse(decorator) for decorator in method.decorator_list}
    if len(body) != 1 or marks - {"torch.no_grad()"} or not isinstance(body[0], (ast.Return, ast.Expr)):
        return False
    arguments = method.args
    given = [ast.Name(argument.arg) for argument in [*arguments.posonlyargs, *arguments.args][1:]]
    passed: list[ast.expr] = [*given, *([ast.Starred(ast.Name(arguments.vararg.arg))] if arguments.vararg else [])]
    keywords = [ast.keyword(a.arg, ast.Name(a.arg)) for a in arguments.kwonlyargs]
    keywords += [ast.keyword(None, ast.Name(arguments.kwarg.arg))] if arguments.kwarg else []
    above = ast.Attribute(ast.Call(ast.Name("super"), [], []), method.name)
    value = body[0].value
    return value is not None and ast.unparse(value) == ast.unparse(ast.Call(above, passed, keywords))
