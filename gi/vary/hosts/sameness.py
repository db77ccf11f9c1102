"""Whether a call computes the same as the gene that it would replace: such an edit is not proposed."""

import ast
from typing import Any

from gi.core.protocols import Signature
from gi.core.types import LineType
from gi.vary.binding.bind import evaluated
from gi.vary.binding.parameter_rules import UNKNOWN
from gi.vary.genes import Gene

# A signature shows which arguments may be left out, not the values that they have then.
_DEFAULTS: dict[str, Any] = {
    **{"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True, "ceil_mode": False},
    **{"padding_mode": "zeros", "eps": 1e-05, "momentum": 0.1, "affine": True, "track_running_stats": True, "p": 0.5},
    **{"count_include_pad": True, "divisor_override": None, "return_indices": False, "negative_slope": 0.01},
    **{"alpha": 1.0, "beta": 1.0, "threshold": 20.0, "approximate": "none", "num_parameters": 1, "init": 0.25},
    **{"elementwise_affine": True, "start_dim": 1, "end_dim": -1},
}
_NEVER_COUNT = frozenset({"inplace", "device", "dtype", "training", "input"})


def same_layer(gene: Gene, symbol: str, code: str, signature: Signature) -> bool:
    """Whether `code`, a call of the layer class `symbol`, builds what the gene's own call builds."""
    if symbol != gene.symbol or not gene.settings:
        return False
    given, own = arguments(code, signature), arguments(ast.unparse(gene.call), signature)
    settings = {name: evaluated(ast.parse(value, mode="eval").body, {}) for name, value in gene.settings}
    return all(
        _value(name, given, settings) == settings[name] or (name in given and given[name] == own.get(name))
        for name in settings
        if name not in _NEVER_COUNT
    )


def _value(name: str, given: dict[str, Any], settings: dict[str, Any]) -> Any:
    if name in given:
        return given[name]
    if name == "stride" and "in_channels" not in settings:
        return None if settings[name] is None else given.get("kernel_size")  # of a pool: its kernel
    return _DEFAULTS.get(name, settings[name])


def same_function(code: str, other: str, signature: Signature) -> bool:
    """Whether two calls of one function, each with its data in front, have the same settings."""
    one, two = arguments(code, signature), arguments(other, signature)
    return all(
        one.get(name, _DEFAULTS.get(name)) == two.get(name, _DEFAULTS.get(name))
        for name in {*one, *two}
        if name not in _NEVER_COUNT
    )


def arguments(code: str, signature: Signature) -> dict[str, Any]:
    """A call's arguments by parameter: a literal's value, else the expression's own text."""
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call), "a call"
    named = [(name, node) for (name, _), node in zip(signature, call.args, strict=False)]
    named += [(k.arg or "", k.value) for k in call.keywords]
    return {name: _literal_or_text(node) for name, node in named}


def _literal_or_text(node: ast.expr) -> Any:
    value = evaluated(node, {})
    return ast.unparse(node) if value is UNKNOWN else value


_NOT_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hardsigmoid", "softplus", "softmax"})
_IDLE = frozenset({"relu", "leakyrelu", "rrelu", "elu", "celu", "prelu"})
_PASSES_ON = (LineType.POOLING, LineType.REGULARIZATION, LineType.RESHAPE)


def is_idle(symbol: str, genes: tuple[Gene, ...], behind: Gene) -> bool:
    """Whether an activation behind a gene does nothing: a ReLU of what is never negative, or in front of a ReLU."""
    name, at = _plain(symbol), genes.index(behind)
    following = next((g for g in genes[at + 1 :] if g.type not in _PASSES_ON), behind)
    while at > 0 and genes[at].type in _PASSES_ON:  # none of these makes a value negative
        at -= 1
    is_repeated = name == "relu" == _plain(following.symbol)
    return is_repeated or (name in _IDLE and _plain(genes[at].symbol) in _NOT_NEGATIVE)


def same_as_function(gene: Gene, symbol: str, code: str, own: Signature, function: Signature | None) -> bool:
    """Whether a layer class `symbol`, called as `code`, does what the gene's function does: `F.avg_pool2d(x, 4)`.

    A function without a readable signature takes its data and then what the class takes.
    """
    if _plain(symbol) != _plain(gene.symbol):
        return False
    one, two = arguments(code, own), arguments(ast.unparse(gene.call), function or (("input", True), *own))
    names = {*one, *two} - _NEVER_COUNT
    return all(one.get(n, _DEFAULTS.get(n)) == two.get(n, _DEFAULTS.get(n)) for n in names)


def same_pixel(gene: Gene, symbol: str, code: str) -> bool:
    """Whether a pool to one pixel takes the place of a pool that gives one pixel already, of the same kind."""
    kinds = [{k for k in ("avg", "max") if k in _plain(s)} for s in (gene.symbol, symbol)]
    to_one = all(set(out.shape[1:]) == {1} for _, out in gene.uses)
    return kinds[0] == kinds[1] != set() and to_one and "adaptive" in _plain(symbol) and _asks_for_one(code)


def _asks_for_one(code: str) -> bool:
    call = ast.parse(code, mode="eval").body
    values = [*call.args, *(k.value for k in call.keywords)] if isinstance(call, ast.Call) else []
    return any(evaluated(v, {}) in (1, (1, 1)) for v in values)


def _plain(symbol: str) -> str:
    return symbol.rpartition(".")[2].replace("_", "").lower()
