"""Digests of what a network computes, made while it runs on meta tensors: the cheap first half of a fingerprint.

Every tensor of a run gets a name, the digest of how it was computed. The batch is named "input"; a function's result is
named by the function, the names of its input tensors, and its settings with defaults filled in; the output's name is
the network's digest. A weight is not computed. It is named by the place of its first use (the names of the data in that
call), its shape, and the functions that set its values while the network was built. So neither the names of
attributes nor the order of their definition count.

For `F.relu(self.conv(x))` and for `y = self.act(self.stem(x))` the names are, with h for the digest:

    input
    w1 = h(place: [input], weight (8, 1, 3, 3), set by kaiming_uniform_)      and w2 likewise for the bias
    c  = h(conv2d, input, w1, w2, stride=(1, 1), padding=(1, 1), ...)
    r  = h(relu, c)                                                           the digest of both

Equal digests mean equal networks, except for a custom backward pass, which no function call shows.

Limits: it does not know algebra. `x * 1`, `a + b + c` in another order, or padding given as a word yield other digests
for the same network; `gi.trace.identity.numeric_digest` merges those. A few identities that edits often produce are
built in: consecutive reshapes, repeated ReLU, dropout with probability 0, operands of a sum in either order. In return,
`invariants` holds what numbers miss: a limit that no activation reaches, a setting lost in rounding.
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
_LIMITED = frozenset({"relu6", "hardtanh", "hardswish", "hardsigmoid", "clamp"})  # no value may reach their limits
_THRESHOLDS = _LIMITED | frozenset({
    "clip", "clamp_min", "clamp_max", "threshold", "softplus", "gt", "lt", "ge", "le", "eq", "ne", "where", "maximum",
    "minimum", "hardshrink", "softshrink", "nan_to_num", "masked_fill", "heaviside", "bucketize", "remainder", "fmod",
    "isclose", "celu", "greater", "less",
})  # fmt: skip
# Too common as factors and summands to distinguish networks.
_NEUTRAL = (0.0, 1.0)
_NOTHING_LEFT = frozenset({
    "uniform_", "normal_", "fill_", "zero_", "trunc_normal_", "copy_", "exponential_", "bernoulli_", "random_",
})  # fmt: skip
_VALUES = frozenset({
    "mul_", "add_", "sub_", "div_", "pow_", "neg_", "abs_", "exp_", "sqrt_", "erfinv_", "clamp_", "clamp_min_",
    "clamp_max_",
})  # fmt: skip


def sets_values(func: Callable[..., Any]) -> bool:
    """Whether a function's only effect is to change the values of its first tensor."""
    return _starts_anew(func) or getattr(func, "__name__", "") in _VALUES


def _starts_anew(func: Callable[..., Any]) -> bool:
    """Whether a function overwrites all earlier values of its first tensor."""
    return getattr(func, "__module__", "") == "torch.nn.init" or getattr(func, "__name__", "") in _NOTHING_LEFT


class GraphDigest:
    """The digests of one run. Tensors and storages are identified by address, so they are kept alive."""

    def __init__(self) -> None:
        """Starts without any tensor."""
        self.multiply_adds = 0
        self.values = 0
        self.drops = False
        self.draws_weights = False
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []
        self._places: dict[str, int] = {}
        self._starts: dict[int, list[Any]] = {}  # the calls that set the values of a storage during construction
        self._bases: dict[str, str] = {}  # by the name of a reshape's result, what it reshapes
        self._steps: dict[str, str] = {}  # by name, the function that computed it
        self._settings: list[Any] = []
        self.ranks: dict[int, int] = {}  # of parameters by their ids: the order of first use
        self._drawn: set[int] = set()
        self._constants: dict[int, Any] = {}  # the descriptions of tensors computed without data and weights

    # While the network is built ------------------------------------------------------------------------------------

    def started(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Records a call that sets values of a tensor before forward runs; the order of such calls does not count.

        A weight is identified by its storage: `weight.data.normal_()` and `nn.Parameter(torch.zeros(3))` set it, too.
        """
        name = getattr(func, "__name__", "")
        target = kwargs.get("tensor", args[0] if args else None)
        step = (
            # Earlier values count only if the step uses them: `uniform_` overwrites.
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
        """Moves tensors with values to meta; the history of their values is kept."""
        real = [(t, self.start_of(t)) for t in tensors if not t.is_meta and not isinstance(t, UninitializedParameter)]
        for tensor, _ in real:
            self._starts.pop(storage(tensor), None)  # another tensor may reuse the storage
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
        # Callables and objects are described by their code: two initialisers with one name may differ.
        return repr(value) if isinstance(value, _SETTINGS) else described(value)

    def start_of(self, tensor: torch.Tensor) -> Any:
        """The calls that set a tensor's values before forward ran; the values themselves if no call is recorded."""
        if not tensor.is_meta and storage(tensor) not in self._starts:
            return array_text(tensor)
        return self._starts.get(storage(tensor), [])

    # While it runs --------------------------------------------------------------------------------------------------

    def name(self, tensor: torch.Tensor, name: str) -> None:
        """Sets the name of a tensor."""
        self._names[id(tensor)] = name
        self._kept.append(tensor)

    def record(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Records that `func` computed `output`. The way of a flatten, and `inplace`, do not count."""
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
        # Dropout with probability 0, or in evaluation, is the identity.
        if "dropout" in plain and (_at(given, "p", 1) == 0 or _at(given, "training", 2) is False):
            return first
        if plain in _IDEMPOTENT and self._steps.get(first) == plain:
            return first
        self._note(plain, given)
        named = [("" if n == 0 else k, self.of(v)) for n, (k, v) in enumerate(given.items()) if k != "inplace"]
        # The operands of a sum are sorted, so that their order does not count.
        if plain in _COMMUTATIVE and all(isinstance(v, torch.Tensor) for v in given.values()):
            named = sorted((("", value) for _, value in named))
        name = digest(plain, named, output.requires_grad, str(output.dtype))  # `no_grad` and `autocast` change these
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
        """Keeps settings that numbers may not show: fine ones, and limits that no activation may reach."""
        self.drops = self.drops or "dropout" in plain
        if plain in _LIMITED:
            self._settings.append(plain)
        kinds = (float, int) if plain in _THRESHOLDS else (float,)  # an integer limit may not be reached, either
        fine = (v for v in given.items() if (type(v[1]) in kinds and v[1] not in _NEUTRAL) or v[0] == "approximate")
        self._settings.extend((plain, k, repr(float(v) if type(v) is int else v)) for k, v in fine)
        if given.get("running_mean") is not None:
            self._settings.append((plain, "running"))

    def _note_constants(self, plain: str, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """Keeps the constants in comparisons: no value may reach them."""
        tensors = list(tensors_in((args, kwargs)))
        for tensor in tensors:
            if id(tensor) not in self._names and not isinstance(tensor, nn.Parameter):
                self._constants[id(tensor)] = self.weight_facts(tensor)
        constants = [self._constants[id(t)] for t in tensors if id(t) in self._constants]
        if plain in _THRESHOLDS:
            self._settings.extend((plain, repr(constant)) for constant in constants if constant)
        if len(constants) == len(tensors):
            others = described([v for v in (*args, *kwargs.values()) if not isinstance(v, torch.Tensor)])
            name = "" if plain in ("zeros", "ones") else digest(plain, constants, others)  # values do reach these
            self._constants.update((id(o), name) for o in outputs)

    def _name_weights(self, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """Names the weights and constants first used in this call, by the call's data and their own history."""
        tensors = list(tensors_in((args, kwargs)))
        new = list({id(t): t for t in tensors if id(t) not in self._names}.values())
        met = [self._names[id(t)] for t in tensors if id(t) in self._names]
        # The place depends on data alone, so names of attributes do not count.
        place = digest(met, [self.weight_facts(t) for t in new]) if new else ""
        # A repeated place, as with two equal branches, is numbered in the order of use.
        self._places[place] = self._places.get(place, 0) + 1
        for number, tensor in enumerate(new):
            self.name(tensor, digest(place, self._places[place], number))
            if isinstance(tensor, nn.Parameter):
                self.ranks[id(tensor)] = len(self.ranks)
        self.multiply_adds += sum(_multiply_adds(t, outputs[0]) for t in tensors if isinstance(t, nn.Parameter))

    def _note_draws(self, plain: str, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        """Marks tensors that forward draws, or computes from those alone; as a weight they set `draws_weights`."""
        drawn = [id(t) in self._drawn for t in tensors_in((args, kwargs))]
        # A weight that is drawn at each call makes the output random, and its numbers meaningless.
        if plain in _CONNECTIONS and any(drawn):
            self.draws_weights = True
        if plain in _DRAWS or (drawn and all(drawn)):
            self._drawn.update(map(id, outputs))

    def weight_facts(self, tensor: torch.Tensor) -> Any:
        """A description that is equal for weights with equal starts."""
        return tensor.requires_grad, tuple(tensor.shape), str(tensor.dtype), self.start_of(tensor)

    def of(self, value: Any) -> str:
        """The name of a tensor, or the text of a setting."""
        if isinstance(value, torch.Tensor):
            return self._names[id(value)]
        if isinstance(value, (list, tuple)):
            return "(" + ",".join(self.of(v) for v in value) + ")"
        return repr(value) if isinstance(value, _SETTINGS) else repr(described(value))

    # In the end -----------------------------------------------------------------------------------------------------

    def digest_of(self, output: torch.Tensor) -> str:
        """The digest of the computation of `output`."""
        return digest(self._names.get(id(output), ""))

    def invariants(self) -> str:
        """The digest of settings that numbers may not show, in which equal networks agree, too."""
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
    """The arguments of a call by name, with defaults, so that its spelling does not count."""
    names = _parameters(func)
    if names is None or len(args) > len(names):
        return {str(n): a for n, a in enumerate(args)} | kwargs
    return dict(names) | {name: a for (name, _), a in zip(names, args, strict=False)} | kwargs


def _at(given: dict[str, Any], name: str, place: int) -> Any:
    """An argument by its name, or by its position where the function is C code."""
    return given.get(name, given.get(str(place)))


@lru_cache(maxsize=4096)
def _parameters(func: Callable[..., Any]) -> tuple[tuple[str, Any], ...] | None:
    """The parameters of a Python function with their defaults (None for a required one); None for C code."""
    if not isinstance(func, types.FunctionType):
        return None
    # These dispatch on `return_indices`; the plain form has the parameters.
    func = torch._jit_internal.boolean_dispatched.get(func, {}).get("if_false", func)  # F.max_pool2d, ...
    try:
        parameters = inspect.signature(func).parameters.values()
    except ValueError:  # `**` and the like: a Python function around one of C
        return None
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        return None
    return tuple((p.name, None if p.default is p.empty else p.default) for p in parameters)
