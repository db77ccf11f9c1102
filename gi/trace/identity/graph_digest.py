"""What a network computes, as digests made while it runs on meta tensors: the cheap first half of a fingerprint.

The idea: every tensor of a run gets a name that is the digest of how it came about. The batch is called "input"; what
a function returns is called by the function, the names of the tensors that went in, and its settings with defaults
filled in; the output's name is the network's digest. A weight has no history of that kind. It is called by the place
where it is first used (the names of the data that it meets there), by its shape, and by the functions that set its
values while the network was built. So neither the names of attributes nor the order of their definition can count.

For `F.relu(self.conv(x))` and for `y = self.act(self.stem(x))` the names are, with h for the digest:

    input
    w1 = h(place: [input], weight (8, 1, 3, 3), set by kaiming_uniform_)      and w2 likewise for the bias
    c  = h(conv2d, input, w1, w2, stride=(1, 1), padding=(1, 1), ...)
    r  = h(relu, c)                                                           the digest of both

Equal digests mean equal networks, but for a backward pass of the program's own, which no function call shows.

What it cannot do: it does not know algebra. `x * 1`, `a + b + c` in another order, or a padding by word give other
digests for the same network; `gi.trace.identity.numeric_digest` merges those. A few identities are built in, for
edits make them often: reshapes in a row, ReLU twice, a dropout of nothing, operands of a sum in either order. And
numbers hide what this keeps as `invariants`: a limit that no activation reaches, a setting that rounding swallows.
"""

import inspect
import math
import types
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from gi.trace.identity.described import array_text, described
from gi.trace.identity.recipe_digest import digest, storage
from gi.trace.program.placement import tensors_in, to_meta

_RESHAPES = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "view_as", "unflatten"})
_SETTINGS = (int, float, str, bool, type(None), types.EllipsisType, slice, torch.dtype, torch.device)
# One name for the spellings of an operation, `x += y`, `x + y`, `torch.add(x, y)`.
_PLAIN = {"iadd": "add", "radd": "add", "imul": "mul", "rmul": "mul", "multiply": "mul", "concat": "cat"}
_COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum"})
_DRAWS = frozenset({"rand", "randn", "randint", "normal", "rand_like", "randn_like", "bernoulli"})
_CONNECTIONS = frozenset({
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "matmul", "rmatmul", "mm", "bmm", "addmm", "einsum",
    "bilinear",
})  # fmt: skip
_IDEMPOTENT = frozenset({"relu", "relu6", "abs"})
_LIMITED = frozenset({"relu6", "hardtanh", "hardswish", "hardsigmoid", "clamp"})  # what they do may never show
_THRESHOLDS = _LIMITED | frozenset({
    "clip", "clamp_min", "clamp_max", "threshold", "softplus", "gt", "lt", "ge", "le", "eq", "ne", "where", "maximum",
    "minimum", "hardshrink", "softshrink", "nan_to_num", "masked_fill", "heaviside", "bucketize", "remainder", "fmod",
    "isclose", "celu", "greater", "less",
})  # fmt: skip
# Factors and summands that stand everywhere would fill the settings and tell nothing.
_NEUTRAL = (0.0, 1.0)
_NOTHING_LEFT = frozenset({
    "uniform_", "normal_", "fill_", "zero_", "trunc_normal_", "copy_", "exponential_", "bernoulli_", "random_",
})  # fmt: skip
_VALUES = frozenset({
    "mul_", "add_", "sub_", "div_", "pow_", "neg_", "abs_", "exp_", "sqrt_", "erfinv_", "clamp_", "clamp_min_",
    "clamp_max_",
})  # fmt: skip


def sets_values(func: Callable[..., Any]) -> bool:
    """Whether a function does no more than change the values of its first tensor."""
    return _starts_anew(func) or getattr(func, "__name__", "") in _VALUES


def _starts_anew(func: Callable[..., Any]) -> bool:
    """Whether nothing is left of the values that were there before."""
    return getattr(func, "__module__", "") == "torch.nn.init" or getattr(func, "__name__", "") in _NOTHING_LEFT


class GraphDigest:
    """The digests of one run. Tensors and storages are told apart by address, so they are kept alive."""

    def __init__(self) -> None:
        """Starts with nothing computed."""
        self.multiply_adds = 0
        self.values = 0
        self.drops = False
        self.draws_weights = False
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []
        self._places: dict[str, int] = {}
        self._starts: dict[int, list[Any]] = {}  # how the values in a storage came about, while the network was built
        self._bases: dict[str, str] = {}  # of a name that a reshape gave
        self._steps: dict[str, str] = {}  # the function that gave a name
        self._settings: list[Any] = []
        self.ranks: dict[int, int] = {}  # of parameters by their ids: the order of first use
        self._drawn: set[int] = set()
        self._constants: dict[int, Any] = {}  # tensors that no data and no weight went into, with what they are

    # While the network is built ------------------------------------------------------------------------------------

    def started(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Notes how the values of a tensor come about before forward runs: they count, the order of doing it does not.

        A weight is known by its storage: `weight.data.normal_()` and `nn.Parameter(torch.zeros(3))` set it too.
        """
        name = getattr(func, "__name__", "")
        target = kwargs.get("tensor", args[0] if args else None)
        step = (
            # What came before counts only where the step works on it: `uniform_` overwrites.
            name,
            self._history(args[1:]),
            sorted((k, self._history(v)) for k, v in kwargs.items() if k != "tensor"),
        )
        if isinstance(target, torch.Tensor) and (sets_values(func) or name == "__setitem__"):
            before = [] if _starts_anew(func) else self._starts.get(storage(target), [])
            self._start(target, [*before, step])
        elif isinstance(output, torch.Tensor) and storage(output) not in self._starts:
            self._start(output, [(name, self._history(args), step[2])])

    def emptied(self, tensors: Iterable[torch.Tensor]) -> None:
        """Takes the values from tensors that hold some; how these came about is kept."""
        real = [(t, self.start_of(t)) for t in tensors if not t.is_meta and not isinstance(t, UninitializedParameter)]
        for tensor, _ in real:
            self._starts.pop(storage(tensor), None)  # another tensor will lie there
        to_meta(t for t, _ in real)
        for tensor, history in real:
            self._start(tensor, history)

    def _start(self, tensor: torch.Tensor, history: list[Any]) -> None:
        self._starts[storage(tensor)] = history
        self._kept.append(tensor)

    def _history(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self.start_of(value)
        if isinstance(value, (tuple, list)):
            return [self._history(v) for v in value]
        # Callables and objects are told by their code: two initialisers of one name may differ.
        return repr(value) if isinstance(value, _SETTINGS) else described(value)

    def start_of(self, tensor: torch.Tensor) -> Any:
        """How the values of a tensor came about before forward ran; the values themselves where they are real."""
        if not tensor.is_meta and storage(tensor) not in self._starts:
            return array_text(tensor)
        return self._starts.get(storage(tensor), [])

    # While it runs --------------------------------------------------------------------------------------------------

    def name(self, tensor: torch.Tensor, name: str) -> None:
        """Gives a tensor its digest."""
        self._names[id(tensor)] = name
        self._kept.append(tensor)

    def record(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Notes that `func` made `output`. How an image was flattened, or `inplace`, does not count."""
        outputs = [output] if isinstance(output, torch.Tensor) else output
        if not isinstance(outputs, (list, tuple)) or not all(isinstance(o, torch.Tensor) for o in outputs):
            return
        name, plain = getattr(func, "__name__", ""), _plain(func)
        self._note_constants(plain, args, kwargs, outputs)
        self._name_weights(args, kwargs, outputs)
        self._note_draws(plain, args, kwargs, outputs)
        given = _given(func, args, kwargs)
        for place, tensor in enumerate(outputs):
            identity = self._output_name(plain, args, given, tensor)
            self.name(tensor, identity if len(outputs) == 1 else f"{identity}.{place}")
        if (_is_in_place(name) or given.get("inplace")) and isinstance(args[0], torch.Tensor):
            self.name(args[0], self._names[id(outputs[0])])
        self.values += sum(o.numel() for o in outputs)

    def _output_name(self, plain: str, args: Any, given: dict[str, Any], output: torch.Tensor) -> str:
        first = self.of(args[0]) if args and isinstance(args[0], torch.Tensor) else ""
        if plain in _RESHAPES and first:
            return self._reshaped(first, args[0], output)
        # A dropout of nothing is the value itself.
        if "dropout" in plain and (_at(given, "p", 1) == 0 or _at(given, "training", 2) is False):
            return first
        if plain in _IDEMPOTENT and self._steps.get(first) == plain:
            return first
        self._note(plain, given)
        named = [("" if n == 0 else k, self.of(v)) for n, (k, v) in enumerate(given.items()) if k != "inplace"]
        # The operands of a sum in one order, whichever they were written in.
        if plain in _COMMUTATIVE and all(isinstance(v, torch.Tensor) for v in given.values()):
            named = sorted((("", value) for _, value in named))
        name = digest(plain, named, output.requires_grad, str(output.dtype))  # what `no_grad` and `autocast` change
        self._steps[name] = plain
        return name

    def _reshaped(self, first: str, source: torch.Tensor, output: torch.Tensor) -> str:
        base = self._bases.get(first, f"{first} {tuple(source.shape)}")
        if base.endswith(f" {tuple(output.shape)}"):
            return base.partition(" ")[0]
        name = digest("reshape", base, tuple(output.shape))
        self._bases[name] = base
        return name

    def _note(self, plain: str, given: dict[str, Any]) -> None:
        """Keeps what numbers may round away: fine settings, and activations that may never be seen at their limit."""
        self.drops = self.drops or "dropout" in plain
        if plain in _LIMITED:
            self._settings.append(plain)
        told = (float, int) if plain in _THRESHOLDS else (float,)  # a limit of 500 is not reached, whatever its type
        fine = (v for v in given.items() if (type(v[1]) in told and v[1] not in _NEUTRAL) or v[0] == "approximate")
        self._settings.extend((plain, k, repr(float(v) if type(v) is int else v)) for k, v in fine)
        if given.get("running_mean") is not None:
            self._settings.append((plain, "running"))

    def _note_constants(self, plain: str, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """Keeps which constants stand in a comparison: numbers need not reach them."""
        tensors = list(tensors_in((args, kwargs)))
        for tensor in tensors:
            if id(tensor) not in self._names and not isinstance(tensor, nn.Parameter):
                self._constants[id(tensor)] = self.weight_facts(tensor)
        constants = [self._constants[id(t)] for t in tensors if id(t) in self._constants]
        if plain in _THRESHOLDS:
            self._settings.extend((plain, repr(constant)) for constant in constants if constant)
        if len(constants) == len(tensors):
            others = described([v for v in (*args, *kwargs.values()) if not isinstance(v, torch.Tensor)])
            name = "" if plain in ("zeros", "ones") else digest(plain, constants, others)  # numbers reach a limit of 0
            self._constants.update((id(o), name) for o in outputs)

    def _name_weights(self, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """Names what a call uses first, a weight or a constant, by the data that it meets and by how it was set."""
        tensors = list(tensors_in((args, kwargs)))
        new = list({id(t): t for t in tensors if id(t) not in self._names}.values())
        met = [self._names[id(t)] for t in tensors if id(t) in self._names]
        # The place is made of data alone, so the name of the attribute does not enter.
        place = digest(met, [self.weight_facts(t) for t in new]) if new else ""
        # The same place again is the second use, as of two equal branches: they count up in the order of use.
        self._places[place] = self._places.get(place, 0) + 1
        for number, tensor in enumerate(new):
            self.name(tensor, digest(place, self._places[place], number))
            if isinstance(tensor, nn.Parameter):
                self.ranks[id(tensor)] = len(self.ranks)
        self.multiply_adds += sum(_multiply_adds(t, outputs[0]) for t in tensors if isinstance(t, nn.Parameter))

    def _note_draws(self, plain: str, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """What is drawn while forward runs, or computed of that alone, is no weight."""
        drawn = [id(t) in self._drawn for t in tensors_in((args, kwargs))]
        # A weight that is drawn anew at each call makes the output random: the numbers would tell nothing.
        if plain in _CONNECTIONS and any(drawn):
            self.draws_weights = True
        if plain in _DRAWS or (drawn and all(drawn)):
            self._drawn.update(map(id, outputs))

    def weight_facts(self, tensor: torch.Tensor) -> Any:
        """What is equal for weights that start alike."""
        return tensor.requires_grad, tuple(tensor.shape), str(tensor.dtype), self.start_of(tensor)

    def of(self, value: Any) -> str:
        """The digest of a tensor, the text of a setting."""
        if isinstance(value, torch.Tensor):
            return self._names[id(value)]
        if isinstance(value, (list, tuple)):
            return "(" + ",".join(self.of(v) for v in value) + ")"
        return repr(value) if isinstance(value, _SETTINGS) else repr(described(value))

    # In the end -----------------------------------------------------------------------------------------------------

    def digest_of(self, output: torch.Tensor) -> str:
        """The digest of the computation that gave `output`."""
        return digest(self._names.get(id(output), ""))

    def invariants(self) -> str:
        """What equal networks have in common beside numbers: settings that numbers round away or do not reach."""
        return digest(self._settings)


def _is_in_place(name: str) -> bool:
    return name in ("__setitem__", "__iadd__", "__imul__") or (name.endswith("_") and not name.endswith("__"))


@lru_cache(maxsize=4096)
def _plain(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", "")
    if name == "__get__":  # a property: x.T
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    name = name.strip("_")
    return _PLAIN.get(name, name)


def _multiply_adds(weight: torch.Tensor, output: torch.Tensor) -> int:
    return output.numel() * math.prod(weight.shape[1:]) if weight.dim() > 1 else 0


def _given(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, defaults included, so that how a call is spelled does not count."""
    names = _parameters(func)
    if names is None or len(args) > len(names):
        return {str(n): a for n, a in enumerate(args)} | kwargs
    return dict(names) | {name: a for (name, _), a in zip(names, args, strict=False)} | kwargs


def _at(given: dict[str, Any], name: str, place: int) -> Any:
    """An argument by its name, or by its place where the function is C code."""
    return given.get(name, given.get(str(place)))


@lru_cache(maxsize=4096)
def _parameters(func: Callable[..., Any]) -> tuple[tuple[str, Any], ...] | None:
    """The parameters of a Python function with their defaults (None for one that must be given); None for C code."""
    if not isinstance(func, types.FunctionType):
        return None
    # These dispatch on `return_indices`; the plain form has the parameters.
    func = torch._jit_internal.boolean_dispatched.get(func, {}).get("if_false", func)  # F.max_pool2d, ...
    try:
        parameters = inspect.signature(func).parameters.values()
    except ValueError:  # `**` and its kin: a Python function around one of C
        return None
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        return None
    return tuple((p.name, None if p.default is p.empty else p.default) for p in parameters)
