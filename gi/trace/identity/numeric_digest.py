"""Digests of a program's output and gradients for one fixed batch and fixed weights. Check worker only.

Two networks that compute the same function give the same numbers, whatever their steps. So the program is built on the
CPU, all weights are replaced by fixed noise, and it runs once forward and once backward on fixed noise; the norms of
output and gradients, and their projections on fixed directions, are the digest. Programs that compute the same agree to
about six digits, and three are kept.

Equal networks must get equal noise, although their attributes may differ in name and order. So a weight is filled at
its first use, by its shape and by two digits of the data in that call. For the network of two branches
`self.a(x) + self.b(x.relu())`, both `Conv2d(1, 8, 3)`:

    self.a meets x          -> noise from hash("4.1e+02 (3, 1, 8, 8) [(8, 1, 3, 3), (8,)] 1")
    self.b meets x.relu()   -> noise from hash("2.1e+02 (3, 1, 8, 8) [(8, 1, 3, 3), (8,)] 1")

so `self.b(x.relu()) + self.a(x)` gives the same numbers, also with the layers' inputs exchanged, while `self.a(x) +
self.b(x)` gives others. The initialisation of a weight is not run but added to the digest, by the same place.

Limits: two equal layers on equal data differ only in their order of use, so a swap of such branches can be missed. An
equal pair is missed where a rounding boundary falls between two orders of summation. Limits that no value of the batch
reaches (`clamp(x, 0, 500)`) have no effect: `GraphDigest.invariants` holds them. Networks with random output, or whose
activations are all 0, give no meaningful numbers, and keep the digest of their steps.
"""

import contextlib
import hashlib
import math
import random
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gi.trace.identity.recipe_digest import digest
from gi.trace.program.candidate import blame, build, executed

BATCH = 3  # a batch norm of a 1x1 map turns any batch of two into +-1
_INPUT_SCALE = 3.0  # so that limits on large values (a ReLU6, a clamp) have an effect
_NOISE_LENGTH = 1_000_003  # a prime, so that the noise in a longer weight does not repeat with its rows
_SMALL = 1 << 15  # most values of a weight with gradients: those of larger ones cost as much as all of forward
_SAMPLE = 512  # values of a call's data that distinguish the places of equal weights

_INITS = frozenset({"uniform_", "normal_", "fill_", "zero_", "trunc_normal_", "exponential_", "log_normal_", "cauchy_"})


def numeric(
    code: types.CodeType, entry: str, input_shape: tuple[int, ...], *, facts: Sequence[Any], two_modes: bool
) -> str | None:
    """The rounded numbers as text; None where they are meaningless (not finite, or the same for every input).

    `facts` describe the initialisation of each of the network's parameters, in its own order; they count at the place
    where the parameter is used. The last one is of all weights that are no parameters.

    With `two_modes` the network also runs in evaluation mode. Raises `CandidateError` where the program fails on real
    tensors.
    """
    with fixed_randomness():
        net = _built(code, entry)
        fill = _Fill()
        x = _noise("input", BATCH * math.prod(input_shape)).reshape(BATCH, *input_shape) * _INPUT_SCALE
        with blame("forward"), fill:
            output = net(x)
        with blame("forward"):
            # Small weights only: their gradients depend on all layers behind them, and cost little.
            weights = {id(p): p for p in net.parameters() if p.requires_grad and p.numel() <= _SMALL}
            keys = [(fill.keys[i], p) for i, p in weights.items() if i in fill.keys]
            gradients = _gradients(output, [p for _, p in keys]) if keys else []
        *named, elsewhere = facts
        starts = [(fill.keys.get(id(p), ""), repr(fact)) for p, fact in zip(net.parameters(), named, strict=True)]
        parts = [
            digest(sorted(starts), elsewhere),
            _digits(output),
            _gradient_digits([key for key, _ in keys], gradients),
        ]
        if two_modes:
            net.eval()
            with blame("forward"), torch.no_grad():
                parts.append(_digits(net(x)))
    return None if not _is_informative(output) or None in parts else " ".join(map(str, parts))


@contextlib.contextmanager
def fixed_randomness() -> Iterator[None]:
    """Makes a program's draws the same each time, and restores the states of all generators afterwards."""
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
    _draw_alike()
    random.seed(0)
    numpy.random.seed(0)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        numpy.random.set_state(states[2])


def _built(code: types.CodeType, entry: str) -> nn.Module:
    with _Uninitialised():
        # Not initialised here: random values would hide what is computed. `facts` describe the initialisation.
        net = build(executed(code), entry)
    _draw_alike()
    return net.train()


def _draw_alike() -> None:
    """The same as `torch.manual_seed(0)` on the CPU, which also records a stack for each uninitialised device."""
    torch.default_generator.manual_seed(0)


class _Uninitialised(TorchFunctionMode):
    """While a network is built: leaves its weights at zero."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # `torch.empty` returns old memory, which differs between processes.
        if func is torch.empty:
            return torch.zeros(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" or name in _INITS:
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, nn.Parameter):
                return target
        return func(*args, **kwargs)


class _Fill(TorchFunctionMode):
    """While a network runs: fills every weight at its first use."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[int, str] = {}
        self._counts: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        new = [p for p in _parameters((args, kwargs)) if id(p) not in self.keys]
        if new:
            with torch.no_grad():
                self._fill(new, args)
        return func(*args, **(kwargs or {}))

    def _fill(self, weights: list[nn.Parameter], args: Any) -> None:
        """Fills the weights of one call; `args` has the call's data."""
        place = f"{_met(args)}{[tuple(p.shape) for p in weights]}"
        count = self._counts[place] = self._counts.get(place, 0) + 1
        for number, weight in enumerate(weights):
            if id(weight) not in self.keys:
                self.keys[id(weight)] = key = f"{place}{count}.{number}"
                _set(weight, key)


def _parameters(value: Any) -> Iterator[nn.Parameter]:
    if isinstance(value, nn.Parameter):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _parameters(part)
    elif isinstance(value, dict):
        yield from _parameters(list(value.values()))


def _met(args: Any) -> str:
    """Two digits of the data of a call: enough to identify its place, too few to show rounding errors."""
    for value in args:
        if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter) and value.is_floating_point():
            # A sum of absolute values: the order of summation hardly changes two digits of it.
            return f"{float(value.detach().reshape(-1)[:_SAMPLE].abs().sum()):.1e}{tuple(value.shape)}"
    return ""


def _set(weight: nn.Parameter, key: str) -> None:
    """Sets noise of a variance that keeps the size of activations; around one half where there is no fan-in."""
    if not weight.is_floating_point():
        return
    values = _noise(key, weight.numel()).reshape(weight.shape)
    weight.data.copy_(values)
    # He initialisation (He et al. 2015).
    if weight.dim() > 1:
        weight.data.mul_(math.sqrt(2 / math.prod(weight.shape[1:])))
    else:
        # Scales and biases: around one half, so that neither is near 0.
        weight.data.add_(0.5)


_NOISE = torch.from_numpy(numpy.random.default_rng(0).standard_normal(_NOISE_LENGTH, dtype=numpy.float32))


def _noise(key: str, count: int) -> torch.Tensor:
    """`count` values of the fixed noise from an offset that `key` hashes to; the noise repeats at its end."""
    start = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % _NOISE_LENGTH
    if start + count <= _NOISE_LENGTH:
        return _NOISE[start : start + count]
    rounds, rest = divmod(start + count - _NOISE_LENGTH, _NOISE_LENGTH)
    return torch.cat([_NOISE[start:], *[_NOISE] * rounds, _NOISE[:rest]])


def _gradients(output: torch.Tensor, weights: list[nn.Parameter]) -> list[torch.Tensor | None]:
    scalar = (output * _noise("direction", output.numel()).reshape(output.shape)).sum()
    return list(torch.autograd.grad(scalar, weights, allow_unused=True))


def _digits(output: torch.Tensor) -> str | None:
    """The norm of an output and its projections on four directions, to three digits; None where not finite, or 0."""
    values = output.detach().double().reshape(-1)
    size = float(values.norm())
    if not math.isfinite(size) or not size:
        return None
    # In double precision, so that only the network's own rounding counts.
    along = [float(values @ _noise(f"output {n}", values.numel()).double()) for n in range(4)]
    return _rounded(size, along)


def _gradient_digits(keys: list[str], gradients: list[torch.Tensor | None]) -> str | None:
    """The same of all gradients together, so that one that is zero up to rounding has no effect."""
    # Each gradient along directions of its own key, so that the order of the weights does not count.
    squares, along = 0.0, [0.0, 0.0]
    for key, gradient in zip(keys, gradients, strict=True):
        if gradient is None:
            continue
        values = gradient.double().reshape(-1)
        squares += float(values @ values)
        for n in range(2):
            along[n] += float(values @ _noise(f"{key} {n}", values.numel()).double())
    return _rounded(math.sqrt(squares), along) if math.isfinite(squares) else None


def _rounded(size: float, along: list[float]) -> str:
    return " ".join([f"{size:.2e}", *(f"{value / size:.3f}" if size else "0" for value in along)])


def _is_informative(output: torch.Tensor) -> bool:
    """Whether the output is finite and depends on the input, as it does not if all activations are 0."""
    values = output.detach()
    # Relative to the output: a constant network differs by rounding alone.
    return bool(values.isfinite().all()) and float((values - values[:1]).abs().max()) > 1e-5 * float(values.abs().max())
