"""Arguments that say what is so without them."""

from typing import Any

import libcst as cst

from gi.export.tidy.network import Names, layer_name, literal_value
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

_CONVOLUTION = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros"}
_NORM = {"eps": 1e-05, "momentum": 0.1, "affine": True, "track_running_stats": True}
_MAX_POOL = {"padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False}
#: The defaults of torch's layers, unchanged since torch 1.0.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "BatchNorm1d": _NORM,
    "BatchNorm2d": _NORM,
    **{name: {"inplace": False} for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish")},
    "Dropout": {"p": 0.5, "inplace": False},
    "Dropout2d": {"p": 0.5, "inplace": False},
    "LeakyReLU": {"negative_slope": 0.01, "inplace": False},
    "ELU": {"alpha": 1.0, "inplace": False},
    "Linear": {"bias": True},
    "MaxPool2d": _MAX_POOL,
    "AvgPool2d": {"padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    "Flatten": {"start_dim": 1, "end_dim": -1},
}  # fmt: skip


def without_default_arguments(tree: cst.Module, names: Names) -> Rewrite:
    """The layers of torch less the keyword arguments that equal the default."""
    changed = tree.visit(_Defaults(names))
    assert isinstance(changed, cst.Module)
    return Rewrite(changed)


class _Defaults(cst.CSTTransformer):
    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:  # noqa: N802
        defaults = _DEFAULTS.get(layer_name(original_node, self._names), {})
        args = [arg for arg in updated_node.args if not _is_default(arg, defaults)]
        if len(args) == len(updated_node.args):
            return updated_node
        if args:  # the comma behind the new last one stays where it stood behind the old last one
            args[-1] = args[-1].with_changes(comma=updated_node.args[-1].comma)
        return updated_node.with_changes(args=args)


def _is_default(arg: cst.Arg, defaults: dict[str, Any]) -> bool:
    if arg.keyword is None or arg.keyword.value not in defaults:
        return False
    given, default = literal_value(arg.value), defaults[arg.keyword.value]
    return type(given) is type(default) and bool(given == default)


DEFAULT_ARGUMENTS = TidyPass(
    "arguments that equal the default",
    without_default_arguments,
    (
        TidyExample(
            "from torch import nn\n\na = nn.Conv2d(1, 4, 3, stride=1, padding=0, bias=False)\n",
            "from torch import nn\n\na = nn.Conv2d(1, 4, 3, bias=False)\n",
        ),
        TidyExample(
            "from torch import nn\n\nb = nn.ReLU(inplace=False)\n",
            "from torch import nn\n\nb = nn.ReLU()\n",
        ),
        # Other classes have other defaults.
        TidyExample(*["class Conv2d:\n    pass\n\n\na = Conv2d(1, 4, 3, stride=1)\n"] * 2),
        TidyExample(*["from torch import nn\n\na = nn.Linear(4, 4, bias=1)\n"] * 2),
    ),
)
