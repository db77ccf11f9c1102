"""Removes biases of layers held as attributes before a batch normalisation, which cancels them."""

from collections.abc import Mapping

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.chain import NORMS, has_bias, unbiased_call
from gi.export.tidy.network import Names, assignment, layer_name, method, self_attribute, symbol
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass, WeightStep

#: Functions with f(x + c) = f(x) + c for a constant c, whose only other argument is a size.
_POOLS = frozenset({f"torch.nn.functional.{name}" for name in
                    ("max_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")})  # fmt: skip


def without_attribute_biases(tree: cst.Module, names: Names) -> Rewrite:
    """Like `without_redundant_biases`, for a normalisation that `forward` calls on the layer's output.

    Both are called once, nested or in two consecutive lines.
    """
    init, forward = method(tree, "__init__"), method(tree, "forward")
    if init is None or forward is None:
        return Rewrite(tree)
    pairs = [pair for s in init.body.body if (pair := assignment(s)) and self_attribute(pair[0])]
    layers = {self_attribute(target): value for target, value in pairs}
    steps = list[WeightStep]()
    for layer, norm in _followed(forward, names):
        call = layers.get(layer)
        once = all(len(m.findall(forward, m.Attribute(m.Name("self"), m.Name(name)))) == 1 for name in (layer, norm))
        defined = sum(self_attribute(target) in (layer, norm) for target, _ in pairs) == 2
        if once and defined and isinstance(call, cst.Call) and has_bias(call, names) and _is_norm(layers, norm, names):
            steps.append(("unbias", layer, norm))
    for _, layer, _ in steps:
        # Looked up in each new tree: LibCST finds nodes by identity, and a replacement copies the nodes above.
        call = _current(tree, layer)
        assert isinstance(call, cst.Call)
        replaced = tree.deep_replace(call, unbiased_call(call))
        assert isinstance(replaced, cst.Module)
        tree = replaced
    return Rewrite(tree, tuple(steps))


def _current(tree: cst.Module, name: str) -> cst.BaseExpression:
    """The value assigned to an attribute in the present tree."""
    init = method(tree, "__init__")
    assert init is not None
    return next(p[1] for s in init.body.body if (p := assignment(s)) and self_attribute(p[0]) == name)


def _is_norm(layers: Mapping[str, cst.BaseExpression], name: str, names: Names) -> bool:
    return name in layers and layer_name(layers[name], names) in NORMS


def _followed(forward: cst.FunctionDef, names: Names) -> list[tuple[str, str]]:
    """(inner, outer) attributes for which `forward` calls the outer on the inner's output."""
    found = []
    before: tuple[cst.BaseExpression, cst.BaseExpression] | None = None
    for statement in forward.body.body:
        for call in m.findall(statement, m.Call(m.Attribute(m.Name("self")), [m.Arg(star="", keyword=None)])):
            assert isinstance(call, cst.Call)
            given = _unpooled(call.args[0].value, names)
            if isinstance(given, cst.Name) and before and _takes_over(statement, given, before[0]):
                given = _unpooled(before[1], names)
            if isinstance(given, cst.Call) and (inner := self_attribute(given.func)):
                found.append((inner, self_attribute(call.func)))
        before = assignment(statement)
    return found


def _takes_over(statement: cst.CSTNode, name: cst.Name, target: cst.BaseExpression) -> bool:
    """Whether a line reads a variable, the target of the line before, once, and overwrites it."""
    pair = assignment(statement)
    same = pair is not None and m.matches(pair[0], m.Name(name.value)) and m.matches(target, m.Name(name.value))
    return same and len(m.findall(statement, m.Name(name.value))) == 2


def _unpooled(node: cst.BaseExpression, names: Names) -> cst.BaseExpression:
    """The input of pooling calls, or the expression itself."""
    while isinstance(node, cst.Call) and symbol(node.func, names) in _POOLS and len(node.args) == 2:
        if any(arg.keyword or arg.star for arg in node.args):
            break
        node = node.args[0].value
    return node


def _network(*lines: str, conv: str = "nn.Conv2d(1, 4, 3)") -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return (
        "import torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n        self.conv = {conv}\n        self.norm = nn.BatchNorm2d(4)\n\n"
        f"    def forward(self, x):\n{body}"
    )


def _unbiased(*lines: str) -> TidyExample:
    return TidyExample(_network(*lines), _network(*lines, conv="nn.Conv2d(1, 4, 3, bias=False)"))


def _same(*lines: str) -> TidyExample:
    return TidyExample(_network(*lines), _network(*lines))


ATTRIBUTE_BIASES = TidyPass(
    "biases of attributes before a batch normalisation",
    without_attribute_biases,
    (
        _unbiased("return F.relu(self.norm(self.conv(x)))"),
        _unbiased("return self.norm(F.max_pool2d(self.conv(x), 2))"),
        _unbiased("x = F.max_pool2d(self.conv(x), 2)", "x = F.relu(self.norm(x))", "return x"),
        _same("return self.norm(F.relu(self.conv(x)))"),
        _same("x = self.conv(x)", "return x + self.norm(x)"),
        _same("x = self.conv(x)", "x = x + self.norm(x)", "return x"),
        _same("x = self.norm(self.conv(x))", "return self.conv(x)"),
        _same("return self.norm(F.avg_pool2d(self.conv(x), 2, padding=1))"),
    ),
)
