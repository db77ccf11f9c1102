"""Edits around one layer or call: another class, a flatten in front of it, another view, none at all."""

import ast
from collections.abc import Sequence

from gi.core.errors import UnrepairableError
from gi.core.trace import Fix, Site, Trace
from gi.source.places import placing
from gi.source.repair.formula import images_of, with_other_numbers
from gi.source.repair.values import add_argument
from gi.source.tree.imports import resolve, spelling, with_import
from gi.source.tree.statements import insert_before
from gi.source.tree.tree import Replacement, Source


def call_at(source: Source, site: Site) -> ast.Call:
    """The call at a site. Raises `UnrepairableError` where none stands."""
    call = source.call_at(site)
    if call is None:
        raise UnrepairableError(f"no call stands at line {site[0]}")
    return call


def _place(source: Source, fix: Fix) -> placing.Place:
    if fix.built:
        place = placing.place_of(source, call_at(source, fix.built[0]))
    else:
        place = placing.functional_place(source, call_at(source, fix.site))
    if place is None:
        raise UnrepairableError(f"the layer of line {fix.site[0]} stands in no style that can be edited")
    return place


def _instances(fix: Fix, trace: Trace) -> int:
    return dict(trace.built_counts).get(fix.built[0], 1) if fix.built else 1


def remove(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """Deletes the call; a pool that several layers share gets `ceil_mode=True` instead."""
    # Deleting the line would take the pool from the other layers, which need it.
    if fix.name == "ceil_mode" and _instances(fix, trace) > 1:
        return [add_argument(source, call_at(source, fix.built[0]), "ceil_mode", "True")]
    return placing.removal(source, [_place(source, fix)])


def set_symbol(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """The class that is called becomes another."""
    call = call_at(source, fix.built[0])
    # One line has one class, whatever its layers need.
    wanted = {f.value for f in trace.fixes if f.kind == "symbol" and f.built[:1] == fix.built[:1]}
    if len(wanted) > 1:
        raise UnrepairableError(f"line {call.lineno} builds several layers that must be of different classes")
    name, line = spelling(source, fix.value)
    return [source.replace(call.func, name), *([with_import(source, line)] if line else [])]


def set_lazy(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """A lazy layer becomes one of its plain class, which is given the width of its input first."""
    call = call_at(source, fix.built[0]) if fix.built else None
    symbol = resolve(source, call.func) if call else ""
    module, _, name = symbol.rpartition(".")
    if call is None or not name.startswith("Lazy"):
        raise UnrepairableError(
            f"line {fix.site[0]} calls a lazy layer whose class does not stand where it is built: "
            "write the plain class with the width of its input"
        )
    spelled, line = spelling(source, f"{module}.{name.removeprefix('Lazy')}")
    # The first width of the line: where its layers need others, the next round finds the argument like any other.
    width = next(f.value for f in trace.fixes if f.kind == "lazy" and f.built[:1] == fix.built[:1])
    start = source.bytes_of(call.func)[1]
    at = source.data.index(b"(", start) + 1
    first = f"{width}, " if call.args or call.keywords else str(width)
    return [
        source.replace(call.func, spelled),
        Replacement(at, at, first),
        *([with_import(source, line)] if line else []),
    ]


def flatten_first(source: Source, fix: Fix, _: Trace) -> list[Replacement]:
    """A flatten, or a pool and a flatten, in front of a dense layer."""
    place = _place(source, fix)
    # In front of `self.fc(x)` the flatten stands in forward; an element or an appended layer gets a sibling.
    if isinstance(place, placing.Attribute):
        return _flatten_in_forward(source, fix)
    flat, imports = placing.spelled(source, "torch.nn.Flatten", "")
    calls = [(flat, "flatten")]
    if fix.kind == "pool":
        pool, more = placing.spelled(source, "torch.nn.AdaptiveAvgPool2d", str(fix.value))
        calls, imports = [(pool, "pool"), *calls], [*imports, *more]
    return [*placing.insertion(source, place, calls, after=False), *imports]


def pool_first(source: Source, fix: Fix, _: Trace) -> list[Replacement]:
    """A pool in front of a flatten, where the features would be far too many."""
    place, size = _place(source, fix), str(fix.value[0])
    if not isinstance(place, placing.Functional):
        pool, imports = placing.spelled(source, "torch.nn.AdaptiveAvgPool2d", size)
        return [*placing.insertion(source, place, [(pool, "pool")], after=False), *imports]
    name, line = spelling(source, "torch.nn.functional.adaptive_avg_pool2d")
    return [*source.wrap(place.data, f"{name}(", f", {size})"), *([with_import(source, line)] if line else [])]


def _flatten_in_forward(source: Source, fix: Fix) -> list[Replacement]:
    call = call_at(source, fix.site)
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
    # On a line of its own where the value has a name, as people write it.
    if isinstance(call.args[0], ast.Name) and isinstance(statement, (ast.Assign, ast.Return)):
        return [insert_before(source, statement, f"{call.args[0].id} = {name}({data}, 1)"), *imports]
    return [source.replace(call.args[0], f"{name}({data}, 1)"), *imports]


def set_view(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """The second size of a view to (n, k), and the first where it is a number of images of its own."""
    call = call_at(source, fix.site)
    sizes = list(call.args)
    # Both spellings, `view(n, k)` and `view((n, k))`, are common.
    if sizes and isinstance(sizes[-1], (ast.Tuple, ast.List)):  # x.view((n, k)), torch.reshape(x, (n, k))
        sizes = list(sizes[-1].elts)
    if len(sizes) != 2:
        raise UnrepairableError(f"the view of line {fix.site[0]} has no two sizes")
    if fix.name == "batch":
        x = _viewed(source, call)
        if isinstance(x, ast.Name):
            return _flat(source, call, sizes)
        if x is not call.args[0]:
            return [Replacement(source.bytes_of(x)[1], source.bytes_of(call)[1], ".flatten(1)")]
        return [source.replace(sizes[0], "-1"), source.replace(sizes[1], str(fix.value[1]))]
    # Of one view in a block that is built many times, each instance may want another width: then -1 says it for all.
    wanted = {f.value for f in trace.fixes if f.kind == "view" and f.site == fix.site}
    features = int(fix.value[1])
    # A formula that can be kept stays readable, and right for other widths.
    formula = with_other_numbers(source, sizes[1], [{}], [features], images_of(trace, features))
    if formula is not None and len(wanted) == 1:
        return [source.replace(sizes[1], formula)]
    if not isinstance(sizes[1], ast.Constant) and isinstance(_viewed(source, call), ast.Name):  # a name stays as it is
        return _flat(source, call, sizes)
    return [source.replace(sizes[1], str(fix.value[1])) if len(wanted) == 1 else source.replace(sizes[1], "-1")]


def reshape_for_view(source: Source, fix: Fix, _: Trace) -> list[Replacement]:
    """`x.view(...)` as `x.reshape(...)`, which copies what does not lie in that order."""
    call = call_at(source, fix.site)
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "view":
        raise UnrepairableError(f"the view of line {fix.site[0]} is no call of a tensor's method")
    end = source.bytes_of(call.func)[1]
    return [Replacement(end - len("view"), end, "reshape")]


def _viewed(source: Source, call: ast.Call) -> ast.expr:
    """What a view is of: the object of a method, the first argument of `torch.reshape`."""
    if isinstance(call.func, ast.Attribute) and not resolve(source, call.func).startswith("torch."):
        return call.func.value
    return call.args[0]


def _flat(source: Source, call: ast.Call, sizes: Sequence[ast.expr]) -> list[Replacement]:
    """The view of a named tensor to one row for each image, whatever it holds."""
    name = source.code(_viewed(source, call))
    return [source.replace(sizes[0], f"{name}.size(0)"), source.replace(sizes[1], "-1")]
