"""A list that is filled line by line and unpacked into `nn.Sequential`, as the literal that it is."""

import textwrap
from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assignment, code, method
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

_HEAD = (
    "import torch\nfrom torch import nn\n\n\n"
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
)
_FORWARD = "\n    def forward(self, x):\n        return self.layers(x)\n"


def sequential_literal(tree: cst.Module, _: Names) -> Rewrite:
    """`layers = []`, `layers.append(...)`, ..., `self.layers = nn.Sequential(*layers)` in one run, as one literal."""
    init = method(tree, "__init__")
    if init is None:
        return Rewrite(tree)
    body = list(init.body.body)
    for end, statement in enumerate(body):
        name = _unpacked(statement)
        start = _list_start(body, end, name) if name else None
        # Nothing else may use the list: it is gone.
        if start is None or _mentions(init, name) != end - start + 1:
            continue
        literal = _literal(tree, body[start : end + 1])
        return Rewrite(tree.with_deep_changes(init.body, body=[*body[:start], literal, *body[end + 1 :]]))
    return Rewrite(tree)


def _mentions(node: cst.CSTNode, name: str) -> int:
    """How often a variable is named; an attribute of that name is another thing."""
    attributes = sum(1 for _ in m.findall(node, m.Attribute(attr=m.Name(name))))
    return sum(1 for _ in m.findall(node, m.Name(name))) - attributes


def _unpacked(statement: cst.CSTNode) -> str:
    """LIST of `self.NAME = nn.Sequential(*LIST)`."""
    pair = assignment(statement)
    if pair is None or not m.matches(pair[1], m.Call(args=[m.Arg(m.Name(), star="*")])):
        return ""
    return pair[1].args[0].value.value if code(pair[1].func).endswith("Sequential") else ""  # type: ignore[attr-defined]


def _list_start(body: Sequence[cst.CSTNode], end: int, name: str) -> int | None:
    """Where the run of lines that fill the list begins: with `LIST = []`."""
    append = m.SimpleStatementLine([m.Expr(m.Call(m.Attribute(m.Name(name), m.Name("append")), [m.Arg(star="")]))])
    start = end - 1
    while start >= 0 and m.matches(body[start], append):
        start -= 1
    first = assignment(body[start]) if start >= 0 else None
    begins = first is not None and m.matches(first[0], m.Name(name)) and m.matches(first[1], m.List(elements=[]))
    return start if begins and start < end - 1 else None


def _literal(tree: cst.Module, run: Sequence[cst.CSTNode]) -> cst.BaseStatement:
    """The one statement for a run of lines, with the comments of each."""
    *appends, last = run[1:]
    pair = assignment(last)
    assert pair is not None
    assert isinstance(pair[1], cst.Call)
    lines = [f"{code(pair[0])} = {code(pair[1].func)}({_comment(last)}"]
    for statement in appends:
        assert isinstance(statement, cst.SimpleStatementLine)
        lines += [f"    {line.comment.value}" for line in statement.leading_lines if line.comment]
        argument = statement.body[0].value.args[0].value  # type: ignore[attr-defined]
        lines.append(textwrap.indent(f"{code(argument)},", "    ") + _comment(statement))
    made = cst.parse_statement("\n".join([*lines, ")\n"]), config=tree.config_for_parsing)
    assert isinstance(made, cst.SimpleStatementLine)
    first = run[0]
    assert isinstance(first, cst.SimpleStatementLine)
    return made.with_changes(leading_lines=first.leading_lines)


def _comment(statement: cst.CSTNode) -> str:
    assert isinstance(statement, cst.SimpleStatementLine)
    comment = statement.trailing_whitespace.comment
    return f"  {comment.value}" if comment else ""


SEQUENTIAL_LITERAL = TidyPass(
    "a list of layers as a literal",
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
        # A line between may have done anything.
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
