"""Arguments of torch's layers in their usual form: sizes by position, others by name, no defaults."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, layer_name, literal_value
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass


class _Signature(NamedTuple):
    """Parameters in torch's order: sizes, which are positional, then others with their defaults."""

    sizes: tuple[str, ...] = ()
    others: Mapping[str, Any] = {}


_CHANNELS = ("in_channels", "out_channels", "kernel_size")
_CONVOLUTION = _Signature(
    _CHANNELS, {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros"}
)
_NORM = _Signature(("num_features",), {"eps": 1e-05, "momentum": 0.1, "affine": True, "track_running_stats": True})
_INPLACE = _Signature((), {"inplace": False})
_DROPOUT = _Signature(("p",), {"inplace": False})
_NO_DEFAULT = object()
_EQUAL = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_STRIDE = "stride"  # its default in a pooling layer is the window
#: torch's layers, whose signatures have not changed since torch 1.0 (LayerNorm's: 2.1).
_SIGNATURES: dict[str, _Signature] = {
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "BatchNorm1d": _NORM,
    "BatchNorm2d": _NORM,
    "LayerNorm": _Signature(("normalized_shape",), {"eps": 1e-05, "elementwise_affine": True, "bias": True}),
    "GroupNorm": _Signature(("num_groups", "num_channels"), {"eps": 1e-05, "affine": True}),
    **dict.fromkeys(("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish"), _INPLACE),
    "Dropout": _DROPOUT,
    "Dropout2d": _DROPOUT,
    "LeakyReLU": _Signature((), {"negative_slope": 0.01, "inplace": False}),
    "ELU": _Signature((), {"alpha": 1.0, "inplace": False}),
    "GELU": _Signature((), {"approximate": "none"}),
    "Linear": _Signature(("in_features", "out_features"), {"bias": True}),
    "MaxPool2d": _Signature(
        ("kernel_size",),
        {_STRIDE: None, "padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False},
    ),
    "AvgPool2d": _Signature(
        ("kernel_size",),
        {_STRIDE: None, "padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    ),
    "AdaptiveAvgPool2d": _Signature(("output_size",)),
    "AdaptiveMaxPool2d": _Signature(("output_size",), {"return_indices": False}),
    "Flatten": _Signature((), {"start_dim": 1, "end_dim": -1}),
    "CrossEntropyLoss": _Signature(
        (),
        {
            "weight": None,
            "size_average": None,
            "ignore_index": -100,
            "reduce": None,
            "reduction": "mean",
            "label_smoothing": 0.0,
        },
    ),
}
_SQUARE = frozenset({"kernel_size", "stride", "padding", "dilation", "output_size"})


def with_usual_arguments(tree: cst.Module, names: Names) -> Rewrite:
    """Rewrites layers of torch with sizes by position, other arguments by name, and without defaults."""
    changed = tree.visit(_Usual(names))
    assert isinstance(changed, cst.Module)
    return Rewrite(changed)


class _Usual(cst.CSTTransformer):
    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:  # noqa: N802
        name = layer_name(original_node, self._names)
        given = _given(updated_node, _SIGNATURES[name]) if name in _SIGNATURES else None
        if given is None:
            return updated_node
        if name.endswith("2d"):
            given = {key: _square(value) if key in _SQUARE else value for key, value in given.items()}
        args = _arguments(given, _SIGNATURES[name])
        if [_plain(arg) for arg in args] == [_plain(arg) for arg in updated_node.args]:
            return updated_node
        # The commas keep their places, with the whitespace and comments after them.
        commas = [arg.comma for arg in updated_node.args[: len(args) - 1]] + [updated_node.args[-1].comma]
        placed = [arg.with_changes(comma=comma) for arg, comma in zip(args, commas, strict=False)]
        return updated_node.with_changes(args=placed)


def _given(call: cst.Call, signature: _Signature) -> dict[str, cst.BaseExpression] | None:
    """The arguments by parameter; None where one is starred, unknown or given twice."""
    order = [*signature.sizes, *signature.others]
    given: dict[str, cst.BaseExpression] = {}
    for position, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and position >= len(order)):
            return None
        key = arg.keyword.value if arg.keyword else order[position]
        if key in given:
            return None
        given[key] = arg.value
    return given


def _arguments(given: Mapping[str, cst.BaseExpression], signature: _Signature) -> list[cst.Arg]:
    sizes = [key for key in signature.sizes if key in given]
    by_position = sizes if tuple(sizes) == signature.sizes[: len(sizes)] else []
    args = [cst.Arg(given[key]) for key in by_position]
    window = literal_value(given["kernel_size"]) if "kernel_size" in given and _STRIDE in given else _NO_DEFAULT
    for key, value in given.items():
        default = signature.others.get(key, _NO_DEFAULT)
        # A pooling layer's stride is its window by default.
        default = window if key == _STRIDE and default is None else default
        if key not in by_position and not _equals(value, default):
            args.append(cst.Arg(value, cst.Name(key), equal=_EQUAL))
    return args


def _equals(value: cst.BaseExpression, default: Any) -> bool:
    given = literal_value(value)
    return type(given) is type(default) and bool(given == default)


def _square(value: cst.BaseExpression) -> cst.BaseExpression:
    """N for (N, N), which torch applies to both sides."""
    pair = m.Tuple([m.Element(m.Integer()), m.Element(m.Integer())])
    if not isinstance(value, cst.Tuple) or not m.matches(value, pair):
        return value
    height, width = (element.value for element in value.elements)
    return height if literal_value(height) == literal_value(width) else value


def _plain(arg: cst.Arg) -> tuple[str, str]:
    return arg.keyword.value if arg.keyword else "", cst.Module([]).code_for_node(arg.value)


def _line(call: str) -> str:
    return f"from torch import nn\n\na = {call}\n"


_OWN = "class Conv2d:\n    pass\n\n\na = Conv2d(1, 4, 3, stride=1)\n"
_SAME = ("nn.Linear(4, 4, bias=1)", "nn.Conv2d(1, 4, (3, 5), padding=(1, 2))", "nn.Conv2d(*sizes, stride=1)",
         "nn.MaxPool2d(3, stride=2)", "nn.ZeroPad2d(padding=1)")  # fmt: skip

USUAL_ARGUMENTS = TidyPass(
    "arguments of layers: sizes by position, others by name, none that equals the default",
    with_usual_arguments,
    (
        *(
            TidyExample(_line(before), _line(after))
            for before, after in (
                ("nn.Conv2d(1, 4, 3, stride=1, padding=0, bias=False)", "nn.Conv2d(1, 4, 3, bias=False)"),
                ("nn.ReLU(inplace=False)", "nn.ReLU()"),
                ("nn.Conv2d(1, 4, 3, 2, 1)", "nn.Conv2d(1, 4, 3, stride=2, padding=1)"),
                (
                    "nn.Conv2d(in_channels=1, kernel_size=(3, 3), out_channels=4, padding=(1, 1), stride=(1, 1))",
                    "nn.Conv2d(1, 4, 3, padding=1)",
                ),
                ("nn.MaxPool2d(2, 2)", "nn.MaxPool2d(2)"),
                ("nn.BatchNorm2d(num_features=8, eps=1e-05, momentum=0.2)", "nn.BatchNorm2d(8, momentum=0.2)"),
                ("nn.CrossEntropyLoss(label_smoothing=0.0)", "nn.CrossEntropyLoss()"),
            )
        ),
        *(TidyExample(_line(call), _line(call)) for call in _SAME),
        # Other classes have other parameters.
        TidyExample(_OWN, _OWN),
    ),
)
