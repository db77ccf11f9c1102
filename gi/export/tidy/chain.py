"""Simplifies sequences of layers: biases before a normalisation, consecutive linear layers, layers without effect.

They apply where the network is one `nn.Sequential` literal, whose elements are the whole network.
"""

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from gi.export.tidy.network import Names, arguments, layer_name, literal_value, sequence
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass, WeightStep

BIASED = {"Conv2d": 7, "Linear": 2}  # the number of parameters before `bias`
NORMS = frozenset({"BatchNorm1d", "BatchNorm2d"})
#: Layers with f(x + c) = f(x) + c for a constant c of each channel, by the parameters for which that holds.
_SHIFTED = {
    "MaxPool2d": frozenset({"kernel_size", "stride", "padding", "dilation"}),  # it pads with minus infinity
    "AvgPool2d": frozenset({"kernel_size", "stride"}),  # it pads with zeros, which are not shifted
    "AdaptiveAvgPool2d": frozenset({"output_size"}),
    "AdaptiveMaxPool2d": frozenset({"output_size"}),
}
_POOL_PARAMETERS = ("kernel_size", "stride", "padding", "dilation")
_IDEMPOTENT = frozenset({"ReLU", "ReLU6", "Flatten", "Identity"})


def without_redundant_biases(tree: cst.Module, names: Names) -> Rewrite:
    """Removes biases of convolutions and linear layers before a batch normalisation, whose mean cancels them.

    In evaluation the running mean cancels the bias, so the bias is subtracted from it.
    """
    return _rewritten(tree, names, _unbiased)


def _unbiased(chain: list[cst.Call], prefix: str, names: Names) -> tuple[list[cst.Call | None], list[WeightStep]]:
    changed: list[cst.Call | None] = [*chain]
    steps = list[WeightStep]()
    for at, call in enumerate(chain):
        norm = _normalisation_of(chain, at, names)
        if norm is not None and has_bias(call, names):
            changed[at] = unbiased_call(call)
            steps.append(("unbias", f"{prefix}.{at}", f"{prefix}.{norm}"))
    return changed, steps


def unbiased_call(call: cst.Call) -> cst.Call:
    """The constructor call of a layer with `bias=False`."""
    args = [arg for arg in call.args if arg.keyword is None or arg.keyword.value != "bias"]
    added = cst.parse_expression("f(bias=False)")
    assert isinstance(added, cst.Call)
    args[-1] = args[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
    return call.with_changes(args=[*args, added.args[0]])


def has_bias(call: cst.Call, names: Names) -> bool:
    """Whether a call builds a layer with a bias that a keyword can remove."""
    limit = BIASED.get(layer_name(call, names))
    if limit is None or not call.args or any(arg.star for arg in call.args):
        return False
    bias = [literal_value(arg.value) for arg in call.args if arg.keyword and arg.keyword.value == "bias"]
    return sum(arg.keyword is None for arg in call.args) <= limit and bias in ([], [True])


def _normalisation_of(chain: Sequence[cst.Call], at: int, names: Names) -> int | None:
    """The index of the batch normalisation of a layer's output, with only pools in between; None for none."""
    for index in range(at + 1, len(chain)):
        name = layer_name(chain[index], names)
        if name in NORMS:
            return index
        given = arguments(chain[index], _POOL_PARAMETERS if name in ("MaxPool2d", "AvgPool2d") else ("output_size",))
        if name not in _SHIFTED or given is None or not given.keys() <= _SHIFTED[name]:
            return None
    return None


def folded_linears(tree: cst.Module, names: Names) -> Rewrite:
    """Merges consecutive linear layers where that does not increase the parameters."""
    return _rewritten(tree, names, _folded)


def _folded(chain: list[cst.Call], prefix: str, names: Names) -> tuple[list[cst.Call | None], list[WeightStep]]:
    changed: list[cst.Call | None] = [*chain]
    steps = list[WeightStep]()
    for at in range(len(chain) - 1):
        first, second = changed[at], chain[at + 1]
        before, after = _linear_sizes(first, names) if first else None, _linear_sizes(second, names)
        if before is None or after is None:
            continue
        (a, b, one), (c, d, two) = before, after
        bias = one or two
        if b == c and d * (a + bias) <= b * (a + one) + d * (c + two):
            changed[at] = None
            made = cst.parse_expression(f"f({a}, {d}{'' if bias else ', bias=False'})")
            changed[at + 1] = second.with_changes(args=made.args)  # type: ignore[attr-defined]
            steps.append(("fold", f"{prefix}.{at}", f"{prefix}.{at + 1}"))
    return changed, steps


def _linear_sizes(call: cst.Call, names: Names) -> tuple[int, int, bool] | None:
    given = arguments(call, ("in_features", "out_features", "bias")) if layer_name(call, names) == "Linear" else None
    if given is None or not given.keys() <= {"in_features", "out_features", "bias"}:
        return None
    sizes: Any = given.get("in_features"), given.get("out_features"), given.get("bias", True)
    return sizes if [type(size) for size in sizes] == [int, int, bool] else None


def without_idle_layers(tree: cst.Module, names: Names) -> Rewrite:
    """Removes layers without effect: an identity, a repeated ReLU, a repeated flatten."""
    return _rewritten(tree, names, _without_idle)


def _without_idle(chain: list[cst.Call], _: str, names: Names) -> tuple[list[cst.Call | None], list[WeightStep]]:
    changed: list[cst.Call | None] = []
    last = ""
    for call in chain:
        name = layer_name(call, names)
        idle = not call.args and (name == "Identity" or (name == last and name in _IDEMPOTENT))
        changed.append(None if idle else call)
        last = last if idle else (name if not call.args else "")
    return changed, []


_Change = Callable[[list[cst.Call], str, Names], tuple[list[cst.Call | None], list[WeightStep]]]


def _rewritten(tree: cst.Module, names: Names, change: _Change) -> Rewrite:
    """The tree with its network's layers changed by `change`, which returns None for a removed layer."""
    found = sequence(tree, names)
    elements = list(found[1].args) if found else []
    chain = [arg.value for arg in elements if isinstance(arg.value, cst.Call)]
    if found is None or len(chain) != len(elements):
        return Rewrite(tree)
    changed, steps = change(chain, found[0], names)
    kept = [arg.with_changes(value=call) for arg, call in zip(elements, changed, strict=True) if call is not None]
    if not kept or all(one is other for one, other in zip(chain, changed, strict=True)):
        return Rewrite(tree)
    left = [index for index, call in enumerate(changed) if call is not None]
    moved = [(f"{found[0]}.{old}", f"{found[0]}.{new}") for new, old in enumerate(left) if new != old]
    literal = found[1].with_changes(args=kept)
    return Rewrite(tree.deep_replace(found[1], literal), (*steps, *(("rename", old, new) for old, new in moved)))  # type: ignore[arg-type]


def _network(*layers: str) -> str:
    lines = "".join(f"            {layer},\n" for layer in layers)
    return (
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.layers = nn.Sequential(\n{lines}        )\n\n"
        "    def forward(self, x):\n        return self.layers(x)\n"
    )


def _same(*layers: str) -> TidyExample:
    return TidyExample(_network(*layers), _network(*layers))


REDUNDANT_BIASES = TidyPass(
    "biases before a batch normalisation",
    without_redundant_biases,
    (
        TidyExample(
            _network("nn.Conv2d(1, 4, 3, padding=1)", "nn.MaxPool2d(2)", "nn.BatchNorm2d(4)"),
            _network("nn.Conv2d(1, 4, 3, padding=1, bias=False)", "nn.MaxPool2d(2)", "nn.BatchNorm2d(4)"),
        ),
        TidyExample(
            _network("nn.Linear(4, 9, bias=True)", "nn.BatchNorm1d(9)"),
            _network("nn.Linear(4, 9, bias=False)", "nn.BatchNorm1d(9)"),
        ),
        _same("nn.Conv2d(1, 4, 3)", "nn.ReLU()", "nn.BatchNorm2d(4)"),
        _same("nn.Conv2d(1, 4, 3)", "nn.AvgPool2d(2, padding=1)", "nn.BatchNorm2d(4)"),
        _same("nn.Linear(4, 9)", "nn.LayerNorm(9)"),
        _same("nn.Conv2d(1, 4, 3, 1, 0, 1, 1, True)", "nn.BatchNorm2d(4)"),
    ),
)  # fmt: skip
FOLDED_LINEARS = TidyPass(
    "linear layers in a row as one",
    folded_linears,
    (
        TidyExample(
            _network("nn.Flatten()", "nn.Linear(64, 32)", "nn.Linear(32, 32)", "nn.Linear(32, 10, bias=False)"),
            _network("nn.Flatten()", "nn.Linear(64, 10)"),
        ),
        # A narrow layer between two wide ones: merged, they have more parameters.
        _same("nn.Linear(64, 4)", "nn.Linear(4, 64)"),
        _same("nn.Linear(64, 32)", "nn.Dropout(0.1)", "nn.Linear(32, 10)"),
    ),
)
IDLE_LAYERS = TidyPass(
    "layers that change nothing",
    without_idle_layers,
    (
        TidyExample(
            _network("nn.Flatten()", "nn.Flatten()", "nn.ReLU()", "nn.Identity()", "nn.ReLU()", "nn.Linear(64, 10)"),
            _network("nn.Flatten()", "nn.ReLU()", "nn.Linear(64, 10)"),
        ),
        _same("nn.Linear(64, 10)", "nn.Softmax(1)", "nn.Softmax(1)"),
    ),
)
