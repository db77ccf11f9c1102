"""Rewrites a list that is filled line by line and unpacked into a call as the call's arguments."""

import textwrap
from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assignment, code
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

_HEAD = (
    "import torch\nfrom torch import nn\n\n\n"
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
)
_FORWARD = "\n    def forward(self, x):\n        return self.layers(x)\n"


def sequential_literal(tree: cst.Module, _: Names) -> Rewrite:
    """Consecutive `layers = []`, `layers.append(...)`, ..., `self.layers = nn.Sequential(*layers)` as one literal.

    In every method, and also for `super().__init__(*layers)`, as in subclasses of `nn.Sequential`.
    """
    changed = tree.visit(_Literals(tree))
    assert isinstance(changed, cst.Module)
    return Rewrite(changed)


class _Literals(cst.CSTTransformer):
    def __init__(self, tree: cst.Module) -> None:
        super().__init__()
        self._tree = tree

    def leave_FunctionDef(self, _: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:  # noqa: N802
        body = list(updated_node.body.body)
        for end, statement in enumerate(body):
            name = _unpacked(statement)
            start = _list_start(body, end, name) if name else None
            # Nothing else may use the list, which is removed.
            if start is None or _mentions(updated_node, name) != end - start + 1:
                continue
            literal = _literal(self._tree, body[start : end + 1])
            block = updated_node.body.with_changes(body=[*body[:start], literal, *body[end + 1 :]])
            return updated_node.with_changes(body=block)
        return updated_node


def _mentions(node: cst.CSTNode, name: str) -> int:
    """The number of uses of a variable, without attributes of that name."""
    attributes = sum(1 for _ in m.findall(node, m.Attribute(attr=m.Name(name))))
    return sum(1 for _ in m.findall(node, m.Name(name))) - attributes


def _unpacked(statement: cst.CSTNode) -> str:
    """LIST in `self.NAME = nn.Sequential(*LIST)` or `super().__init__(*LIST)`; "" for other lines."""
    call = _called(statement)
    if call is None or not m.matches(call, m.Call(args=[m.Arg(m.Name(), star="*")])):
        return ""
    unpacks = code(call.func).endswith("Sequential") or code(call.func) == "super().__init__"
    return str(call.args[0].value.value) if unpacks else ""  # type: ignore[attr-defined]


def _called(statement: cst.CSTNode) -> cst.Call | None:
    """The call that a line assigns or consists of; None for other lines."""
    pair = assignment(statement)
    if pair is not None:
        return pair[1] if isinstance(pair[1], cst.Call) else None
    is_call = m.matches(statement, m.SimpleStatementLine([m.Expr(m.Call())]))
    return statement.body[0].value if is_call else None  # type: ignore[attr-defined]


def _list_start(body: Sequence[cst.CSTNode], end: int, name: str) -> int | None:
    """The index of the line that starts the list, `LIST = [...]`, before lines that only append to it."""
    append = m.SimpleStatementLine([m.Expr(m.Call(m.Attribute(m.Name(name), m.Name("append")), [m.Arg(star="")]))])
    start = end - 1
    while start >= 0 and m.matches(body[start], append):
        start -= 1
    first = assignment(body[start]) if start >= 0 else None
    if first is None or not m.matches(first[0], m.Name(name)) or not isinstance(first[1], cst.List):
        return None
    plain = all(isinstance(element, cst.Element) for element in first[1].elements)
    return start if plain and (first[1].elements or start < end - 1) else None


def _literal(tree: cst.Module, run: Sequence[cst.CSTNode]) -> cst.BaseStatement:
    """One statement for consecutive lines, with the comments of each."""
    first, *appends, last = run
    call, pair = _called(last), assignment(last)
    assert call is not None
    lines = [f"{code(pair[0])} = {code(call.func)}({_comment(last)}" if pair else f"{code(call.func)}({_comment(last)}"]
    lines += _elements(first)
    for statement in appends:
        assert isinstance(statement, cst.SimpleStatementLine)
        lines += [f"    {line.comment.value}" for line in statement.leading_lines if line.comment]
        argument = statement.body[0].value.args[0].value  # type: ignore[attr-defined]
        lines.append(textwrap.indent(f"{code(argument)},", "    ") + _comment(statement))
    made = cst.parse_statement("\n".join([*lines, ")\n"]), config=tree.config_for_parsing)
    assert isinstance(made, cst.SimpleStatementLine)
    assert isinstance(first, cst.SimpleStatementLine)
    return made.with_changes(leading_lines=first.leading_lines)


def _elements(first: cst.CSTNode) -> list[str]:
    """The first elements of a list, each on separate lines, with the comments after and below it."""
    pair = assignment(first)
    assert pair is not None
    listed = pair[1]
    assert isinstance(listed, cst.List)
    lines = []
    for element in listed.elements:
        is_last = element is listed.elements[-1]
        behind = listed.rbracket.whitespace_before if is_last else element.comma.whitespace_after  # type: ignore[union-attr]
        comment, below = "", []
        if isinstance(behind, cst.ParenthesizedWhitespace):
            comment = f"  {behind.first_line.comment.value}" if behind.first_line.comment else ""
            below = [f"    {line.comment.value}" for line in behind.empty_lines if line.comment]
        lines += [textwrap.indent(f"{code(element.value)},", "    ") + comment, *below]
    return lines


def _comment(statement: cst.CSTNode) -> str:
    assert isinstance(statement, cst.SimpleStatementLine)
    comment = statement.trailing_whitespace.comment
    return f"  {comment.value}" if comment else ""


SEQUENTIAL_LITERAL = TidyPass(
    "a list of layers as the arguments that it is",
    sequential_literal,
    (
        TidyExample(
            f"""{_HEAD}        layers = []
        layers.append(nn.Flatten())
        layers.append(nn.Linear(64, 10))  # said
        self.layers = nn.Sequential(*layers)
{_FORWARD}""",
            f"""{_HEAD}        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 10),  # said
        )
{_FORWARD}""",
        ),
        # A subclass of nn.Sequential, as blocks are often written.
        TidyExample(
            """from torch import nn


class Block(nn.Sequential):
    def __init__(self, width: int) -> None:
        modules = [
            nn.Conv2d(width, width, 3, bias=False),  # said
            nn.BatchNorm2d(width),
        ]
        modules.append(nn.ReLU())
        super().__init__(*modules)
""",
            """from torch import nn


class Block(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(width, width, 3, bias=False),  # said
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
""",
        ),
        # The list is read once more.
        TidyExample(
            *[
                f"""{_HEAD}        layers = []
        layers.append(nn.Linear(64, 10))
        self.layers = nn.Sequential(*layers)
        self.depth = len(layers)
{_FORWARD}"""
            ]
            * 2
        ),
        # A line in between may have any effect.
        TidyExample(
            *[
                f"""{_HEAD}        layers = []
        layers.append(nn.Linear(64, 10))
        torch.manual_seed(0)
        self.layers = nn.Sequential(*layers)
{_FORWARD}"""
            ]
            * 2
        ),
    ),
)
