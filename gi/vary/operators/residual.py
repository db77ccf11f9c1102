"""Residuals: what keeps its shape is added to what it received (He et al. 2016), or no longer."""

import ast
from collections.abc import Callable, Iterator
from functools import partial

from gi.source.places import placing
from gi.source.places.carry import carried
from gi.source.places.placing import Appended, Attribute, Element, Functional
from gi.source.tree.elements import outer_bytes
from gi.source.tree.statements import delete_statements
from gi.source.tree.tree import Replacement, Source, dotted, parse
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import LayerUnit, units
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_CLASS = """import torch.nn as nn


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)
"""

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()",
                "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "Residual(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())", "nn.Flatten()",
               "nn.Linear(288, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "Residual(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())", "nn.Flatten()",
                "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()",
               "nn.Linear(288, 10)"),
        host_classes=_CLASS.partition("\n\n\n")[2],
    ),
)  # fmt: skip


def residual(host: Host, means: OperatorContext) -> Proposal | None:
    """A unit that keeps its shape is wrapped into a sum with its input, or such a sum is undone."""
    ways: list[Callable[[], Proposal | None]] = []
    ways += [partial(_wrapped, host, u) for u in units(host) if u.keeps_shape and u.is_single]
    ways += [partial(_opened, host, c) for c in _wraps(host.source)]
    ways += [partial(_plain, host, s) for s in _sums(host.source)]
    return means.rng.choice(ways)() if ways else None


def _wrapped(host: Host, unit: LayerUnit) -> Proposal | None:
    places = [g.place for g in unit.genes]
    if all(isinstance(p, Element) and not isinstance(p.node, ast.Tuple) for p in places):
        return _elements_wrapped(host, unit, [p.node for p in places if isinstance(p, Element)])
    if all(isinstance(p, Appended) and len(host.source.parents[p.node].args) == 1 for p in places):  # type: ignore[attr-defined]
        return _statements_wrapped(host, unit, [p for p in places if isinstance(p, Appended)])
    return _sum_written(host, unit)


def _elements_wrapped(host: Host, unit: LayerUnit, nodes: list[ast.expr]) -> Proposal | None:
    place = unit.genes[0].place
    assert isinstance(place, Element), "elements"
    at = [place.siblings.index(n) for n in nodes if n in place.siblings]
    # What lies between two lines of the unit would be drawn into the sum, or out of it.
    if len(at) != len(nodes) or at != list(range(at[0], at[0] + len(at))) or _is_in_wrap(host.source, nodes[0]):
        return None
    source, draft = host.source, Draft(host, "residual", unit.genes[0].call.lineno)
    name = _class_for(draft)
    start, end = outer_bytes(source, nodes[0])[0], outer_bytes(source, nodes[-1])[1]
    inner = [source.code(n) for n in nodes]
    line = source.data[source.data.rfind(b"\n", 0, start) + 1 : start].decode()
    # One layer to a line where the host has it so: the text goes on being edited line by line.
    if line.strip() or len(inner) == 1:
        code = f"{name}({', '.join(inner)})"
    else:
        code = f"{name}(\n" + "".join(f"{line}    {layer},\n" for layer in inner) + f"{line})"
    draft.replacements.append(Replacement(start, end, code))
    return _recorded(draft, inner, code)


def _statements_wrapped(host: Host, unit: LayerUnit, places: list[Appended]) -> Proposal | None:
    source, draft = host.source, Draft(host, "residual", unit.genes[0].call.lineno)
    body = next((b for b in _bodies(source.parents[places[0].statement]) if places[0].statement in b), [])
    at = [body.index(p.statement) for p in places if p.statement in body]
    if len(at) != len(places) or at != list(range(at[0], at[0] + len(at))):
        return None
    inner = [source.code(p.node) for p in places]
    code = f"{_class_for(draft)}({', '.join(inner)})"
    draft.replacements.append(source.replace(places[0].node, code))
    draft.replacements.extend(delete_statements(source, [p.statement for p in places[1:]]))
    return _recorded(draft, inner, code)


def _bodies(node: ast.AST) -> list[list[ast.stmt]]:
    return [value for _, value in ast.iter_fields(node) if isinstance(value, list)]


def _recorded(draft: Draft, before: list[str], after: str) -> Proposal:
    draft.before.extend(before)
    draft.after.append(after)
    return draft.proposal()


def _class_for(draft: Draft) -> str:
    """What the host calls the class that adds its input, which is brought where it is not there."""
    brought = carried(draft.host.source, parse(_CLASS), ["Residual"])
    draft.replacements.extend(brought.replacements)
    return brought.spelled["Residual"]


# Sums in `forward` ---------------------------------------------------------------------------------------------------


def _sum_written(host: Host, unit: LayerUnit) -> Proposal | None:
    """`x = act(norm(conv(x)))` as `x = x + act(norm(conv(x)))`, where one statement does all of the unit."""
    calls = [_data_call(g) for g in unit.genes]
    if any(c is None for c in calls):
        return None
    statements = {id(s): s for c in calls if c is not None for s in [host.source.statement(c)]}
    statement = next(iter(statements.values()))
    if len(statements) != 1 or not isinstance(statement, ast.Assign) or not _takes_itself(host, statement):
        return None
    inside = [g for g in host.genes if (call := _data_call(g)) and host.source.statement(call) is statement]
    # A sum adds equal shapes only, and what is a sum already would be one of three terms.
    if inside[0].input != inside[-1].output or isinstance(statement.value, ast.BinOp):
        return None
    draft = Draft(host, "residual", statement.lineno)
    name = dotted(statement.targets[0])
    draft.replacements.extend(host.source.wrap(statement.value, f"{name} + ", ""))
    code = host.source.code(statement.value)
    return _recorded(draft, [f"{name} = {code}"], f"{name} = {name} + {code}")


def _data_call(gene: Gene) -> ast.Call | None:
    """The call of `forward` that data flows through, where there is one."""
    if isinstance(gene.place, Functional):
        return gene.place.node
    return gene.place.uses[0] if isinstance(gene.place, Attribute) and len(gene.place.uses) == 1 else None


def _takes_itself(host: Host, statement: ast.Assign) -> bool:
    """Whether a statement makes a new value of one name from that name's own value, read once."""
    target = statement.targets[0]
    read = [n.id for n in host.source.under(statement.value) if isinstance(n, ast.Name)]
    return isinstance(target, ast.Name) and len(statement.targets) == 1 and read.count(target.id) == 1


def _sums(source: Source) -> Iterator[ast.Assign]:
    """The statements `x = x + f(x)`."""
    for node in source.under(source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Add):
            name = dotted(node.targets[0])
            # `x = x + bias` is no shortcut: the other side has to come from x, too.
            inner = [n.id for n in source.under(node.value.right) if isinstance(n, ast.Name)]
            if name and dotted(node.value.left) == name and name in inner:
                yield node


def _plain(host: Host, statement: ast.Assign) -> Proposal | None:
    assert isinstance(statement.value, ast.BinOp), "a sum"
    draft = Draft(host, "residual", statement.lineno)
    code = host.source.code(statement.value.right)
    draft.replacements.append(host.source.replace(statement.value, code))
    return _recorded(draft, [host.source.code(statement)], f"{dotted(statement.targets[0])} = {code}")


# Undone --------------------------------------------------------------------------------------------------------------


def _wraps(source: Source) -> Iterator[ast.Call]:
    """The calls of a class that adds what its layers give to their input."""
    # By the body and not by the name: a program's own `Residual` may do something else.
    own = [ast.dump(s) for s in parse(_CLASS).classes["Residual"].body]
    names = {name for name, c in source.classes.items() if len(c.body) == len(own) and [*map(ast.dump, c.body)] == own}
    for node in source.under(source.tree) if names else ():
        if isinstance(node, ast.Call) and dotted(node.func) in names and node.args and not node.keywords:
            yield node


def _opened(host: Host, call: ast.Call) -> Proposal | None:
    source, draft = host.source, Draft(host, "residual", call.lineno)
    place, inner = placing.place_of(source, call), [source.code(a) for a in call.args]
    draft.before.append(source.code(call))
    if isinstance(place, Element) and not isinstance(place.node, ast.Tuple):
        first = source.data.rfind(b"\n", 0, source.bytes_of(call)[0]) + 1
        indent = source.data[first : source.bytes_of(call)[0]].decode()
        joint = ", " if indent.strip() else f",\n{indent}"
        draft.replacements.append(source.replace(call, joint.join(inner)))
        draft.after.extend(inner)
    else:
        whole, _ = draft.spelled("torch.nn.Sequential", ", ".join(inner))
        draft.replacements.append(source.replace(call, whole))
        draft.after.append(whole)
    return draft.proposal()


def _is_in_wrap(source: Source, node: ast.expr) -> bool:
    return source.parents[node] in list(_wraps(source))
