"""Rewrites reshapes that merge all dimensions but the first as `torch.flatten`."""

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

_FIRST = (
    m.Call(m.Attribute(m.Name(), m.Name("size")), [m.Arg(m.Integer("0"))])
    | m.Subscript(m.Attribute(m.Name(), m.Name("shape")), [m.SubscriptElement(m.Index(m.Integer("0")))])
    | m.Call(m.Name("len"), [m.Arg(m.Name())])
)  # fmt: skip
_REST = m.UnaryOperation(m.Minus(), m.Integer("1"))
_RESHAPED = m.Call(
    m.Attribute(m.Name(), m.Name("view") | m.Name("reshape")),
    [m.Arg(_FIRST, star="", keyword=None), m.Arg(_REST, star="", keyword=None)],
)


def flattened(tree: cst.Module, names: Names) -> Rewrite:
    """`torch.flatten(x, 1)` for `x.view(x.size(0), -1)` and the like; `x.flatten(1)` where torch is not imported."""
    # The name `torch` may be bound to something else, or missing.
    template = "torch.flatten({0}, 1)" if names.get("torch") == "torch" else "{0}.flatten(1)"

    def replaced(node: cst.CSTNode, _: object) -> cst.CSTNode:
        assert isinstance(node, cst.Call)
        owner = node.func.value.value  # type: ignore[attr-defined]
        sized = [name.value for name in m.findall(node.args[0], m.Name()) if isinstance(name, cst.Name)]
        same = owner in sized and not {*sized} - {owner, "size", "shape", "len"}
        return cst.parse_expression(template.format(owner)) if same else node

    changed = m.replace(tree, _RESHAPED, replaced)
    assert isinstance(changed, cst.Module)
    return Rewrite(changed)


def _line(code: str, imports: str = "import torch\n") -> str:
    return f"{imports}\n\ndef forward(x, y):\n    return {code}\n"


FLATTENING = TidyPass(
    "a reshape that flattens as torch.flatten",
    flattened,
    (
        *(
            TidyExample(_line(code), _line("torch.flatten(x, 1)"))
            for code in ("x.view(x.size(0), -1)", "x.reshape(x.shape[0], -1)", "x.view(len(x), -1)")
        ),
        TidyExample(_line("x.view(x.size(0), -1)", ""), _line("x.flatten(1)", "")),
        *(
            TidyExample(_line(code), _line(code))
            for code in ("x.view(y.size(0), -1)", "x.view(x.size(1), -1)", "x.view(-1, 784)", "x.view(x.size(0), 8)")
        ),
    ),
)
