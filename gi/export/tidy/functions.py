"""Rewrites layers without weights as functions, in a network that calls functions for others of their kind."""

from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import MISSING, Names, assigned_attribute, assignment, layer_name, literal_value, method
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

#: Functions of torch.nn.functional by the module that calls them with the input and its own arguments, by kind.
_ACTIVATIONS = {
    "ReLU": "relu", "ReLU6": "relu6", "ELU": "elu", "SELU": "selu", "CELU": "celu", "GELU": "gelu", "SiLU": "silu",
    "Mish": "mish", "Hardswish": "hardswish", "LeakyReLU": "leaky_relu", "Softplus": "softplus",
    "Hardtanh": "hardtanh", "LogSigmoid": "logsigmoid", "Softsign": "softsign", "Tanhshrink": "tanhshrink",
}  # fmt: skip
_POOLS = {
    "MaxPool2d": "max_pool2d", "AvgPool2d": "avg_pool2d",
    "AdaptiveAvgPool2d": "adaptive_avg_pool2d", "AdaptiveMaxPool2d": "adaptive_max_pool2d",
}  # fmt: skip


def as_functions(tree: cst.Module, names: Names) -> Rewrite:
    """`F.elu(...)` for `self.act(...)` of an `nn.ELU()`, if `forward` already calls activations as functions.

    The same for pools. So the network has one style; where all of a kind are modules, they stay.
    """
    init, forward = method(tree, "__init__"), method(tree, "forward")
    module = next((local for local, full in names.items() if full == "torch.nn.functional"), "")
    if init is None or forward is None or not module:
        return Rewrite(tree)
    for kind in (_ACTIVATIONS, _POOLS):
        functions = m.Attribute(m.Name(module), m.OneOf(*map(m.Name, kind.values())))
        if not m.findall(forward, m.Call(functions)):
            continue
        for statement in init.body.body:
            name, built = assigned_attribute(statement), _built(statement)
            layer = layer_name(built, names) if built is not None else ""
            called = m.Call(m.Attribute(m.Name("self"), m.Name(name)), [m.Arg(star="", keyword=None)])
            calls = m.findall(forward, called)
            mentions = m.findall(tree, m.Attribute(attr=m.Name(name)))
            if built is None or layer not in kind or not calls or len(mentions) != len(calls) + 1:
                continue
            without = cst.ensure_type(tree.deep_remove(statement), cst.Module)
            made = _called(without, called, f"{module}.{kind[layer]}", built.args)
            # Starts again: the present statements belong to the old tree.
            return as_functions(made, names)
    return Rewrite(tree)


def _built(statement: cst.CSTNode) -> cst.Call | None:
    """The call with literal arguments that a line assigns; None for other lines."""
    pair = assignment(statement)
    call = pair[1] if pair is not None and isinstance(pair[1], cst.Call) else None
    plain = call is not None and all(not arg.star and literal_value(arg.value) is not MISSING for arg in call.args)
    return call if plain else None


def _called(tree: cst.CSTNode, called: m.Call, function: str, more: Sequence[cst.Arg]) -> cst.Module:
    """The tree with calls of a module replaced by calls of a function, with the module's arguments after the input."""

    def replaced(node: cst.CSTNode, _: object) -> cst.CSTNode:
        assert isinstance(node, cst.Call)
        args = [arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in (*node.args, *more)]
        return node.with_changes(func=cst.parse_expression(function), args=args)

    made = m.replace(tree, called, replaced)
    assert isinstance(made, cst.Module)
    return made


def _network(definitions: str, forward: str) -> str:
    return (
        "import torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n        self.conv = nn.Conv2d(1, 4, 3)\n{definitions}\n"
        f"    def forward(self, x):\n        x = self.conv(x)\n        return {forward}\n"
    )


_ELU = "        self.act = nn.ELU()\n"
_POOL = "        self.pool = nn.MaxPool2d(3, stride=2)\n"
_POOLED = "F.max_pool2d(x, 2)"
_SIZED = "        self.act = nn.LeakyReLU(self.slope)\n"

WEIGHTLESS_AS_FUNCTIONS = TidyPass(
    "activations and pooling as functions, where others of the network are",
    as_functions,
    (
        TidyExample(_network(_ELU, "F.relu(self.act(x))"), _network("", "F.relu(F.elu(x))")),
        TidyExample(
            _network(_POOL, f"self.pool({_POOLED})"),
            _network("", f"F.max_pool2d({_POOLED}, 3, stride=2)"),
        ),
        TidyExample(*[_network(_ELU, "self.act(F.max_pool2d(x, 2))")] * 2),
        TidyExample(*[_network(_SIZED, "F.relu(self.act(x))")] * 2),
        TidyExample(*[_network(_ELU, "F.relu(self.act(x)), self.act")] * 2),
    ),
)
