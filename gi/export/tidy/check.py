"""Compares a program with its tidied form. `compare` runs both, so only a confined worker calls it."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gi.trace.program.candidate import CandidateError, build, load
from gi.trace.program.weights import num_weights

TOLERANCE = 1e-5  # of the outputs, relative to the largest if that is over 1
_IN_TRAINING = 1e-4  # a batch normalisation divides rounding errors by the batch's deviation
_SAMPLES = 16
_STEPS = 60

State = dict[str, Tensor]


def compare(
    text: str, tidied: str, steps: Sequence[Sequence[str]], weights: str | None, input_shape: Sequence[int]
) -> dict[str, Any]:
    """Runs in the worker: the properties of the tidied program, or the reason under "error" why it differs.

    "same_start" is whether a seed gives both the same weights, "params" the number of weights, "channels_last" whether
    it runs in that memory layout; "weights" is its state dict in base 64 (None without `weights`, the file of the
    original's).
    """
    try:
        return _compared(text, tidied, [tuple(step) for step in steps], weights, tuple(input_shape))
    except CandidateError as error:
        return {"error": f"{error.stage}: {error.reason}"}
    except Exception as error:  # the worker's edge: any exception is a reason
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def _compared(
    text: str, tidied: str, steps: list[tuple[str, ...]], weights: str | None, input_shape: tuple[int, ...]
) -> dict[str, Any]:
    module = load(text)
    net, drawn = _started(module)
    recipe = _recipe(module)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    if weights is not None:
        net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    else:
        _unsettle(net)
    other_module = load(tidied)
    other, drawn_here = _started(other_module)
    begun = converted(start, steps, other.state_dict())
    same_start = torch.equal(drawn, drawn_here) and all(
        torch.equal(value, begun[name]) for name, value in other.state_dict().items()
    )
    kept = {name: value.clone() for name, value in net.state_dict().items()}  # a pass in training changes statistics
    other.load_state_dict(converted(kept, steps, other.state_dict()))
    images = torch.randn(_SAMPLES, *input_shape)
    if _difference(net.eval(), other.eval(), images) > TOLERANCE:
        return {"error": "its outputs differ"}
    # Merged layers train differently: only their outputs in evaluation are the same.
    is_folded = any(step[0] == "fold" for step in steps)
    if not is_folded and _difference(net.train(), other.train(), images) > _IN_TRAINING:
        return {"error": "its outputs in training differ"}
    if _recipe(other_module) != recipe:
        return {"error": "its recipe differs"}
    other.load_state_dict(converted(kept, steps, other.state_dict()))
    return {
        "params": num_weights(other),
        "same_start": same_start,
        "channels_last": _runs_channels_last(other, images),
        "weights": None if weights is None else _encoded(other),
    }


def _started(module: Any) -> tuple[nn.Module, Tensor]:
    """A program's network built with a fixed seed, and the state of the generator afterwards."""
    torch.manual_seed(0)
    return build(module), torch.get_rng_state()


def converted(state: State, steps: Sequence[Sequence[str]], wanted: State) -> State:
    """A state dict after `steps`, restricted to the names in `wanted`, since unused layers are gone."""
    state = dict(state)
    for kind, one, other in steps:
        _CONVERSIONS[kind](state, one, other)
    return {name: value for name, value in state.items() if name in wanted}


def _rename(state: State, old: str, new: str) -> None:
    for name in [name for name in state if name.startswith(f"{old}.")]:
        state[new + name[len(old) :]] = state.pop(name)


def _unbias(state: State, layer: str, norm: str) -> None:
    bias = state.pop(f"{layer}.bias")
    if f"{norm}.running_mean" in state:
        state[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] - bias


def _fold(state: State, first: str, second: str) -> None:
    # In double precision: a float32 product of two weights would exceed the tolerance.
    one, two = (state.pop(f"{layer}.weight").double() for layer in (first, second))
    biases = [state.pop(f"{layer}.bias", None) for layer in (first, second)]
    state[f"{second}.weight"] = (two @ one).float()
    if any(bias is not None for bias in biases):
        before, after = (torch.zeros(1) if bias is None else bias.double() for bias in biases)
        shifted = two @ before.double() if biases[0] is not None else torch.zeros(len(two))
        state[f"{second}.bias"] = (shifted + after).float()


_CONVERSIONS = {"rename": _rename, "unbias": _unbias, "fold": _fold}


def _unsettle(net: nn.Module) -> None:
    """Adds noise to all values, so that those which start as 0 or 1 affect the comparison."""
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            if value.is_floating_point():
                value.add_(torch.rand_like(value), alpha=0.1)


def _difference(net: nn.Module, other: nn.Module, images: Tensor) -> float:
    """The largest difference of two networks' outputs, relative to the largest output if that is over 1."""
    outputs = []
    for each in (net, other):
        torch.manual_seed(1)
        with torch.no_grad():
            outputs.append(each(images.clone()))
    if outputs[0].shape != outputs[1].shape:
        return float("inf")
    difference = (outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max().clamp(min=1.0)
    return float(difference) if bool(torch.isfinite(outputs[0]).all()) else float("inf")


def _recipe(module: Any) -> list[str]:
    """The parts of a recipe as texts, equal for equal parts."""
    net = build(module)
    optimizer, scheduler, loss, augmentation = module.recipe(net, _STEPS)
    settings = {**vars(scheduler)} if scheduler is not None else {}
    plain = {name: value for name, value in settings.items() if isinstance(value, int | float | str | list)}
    groups = [{**group, "params": 0} for group in optimizer.param_groups]
    return [
        type(optimizer).__name__,
        repr(groups),
        type(scheduler).__name__,
        repr(plain),
        repr(loss),
        _plain(augmentation),
    ]


def _plain(value: Any) -> str:
    """A part as a text; for a function only its name, since its `repr` has an address."""
    return repr(value) if " at 0x" not in repr(value) else getattr(value, "__qualname__", type(value).__qualname__)


def _runs_channels_last(net: nn.Module, images: Tensor) -> bool:
    """Whether the network runs with channels last, as the search may train it (`gi.train.loop.fastest_layout`)."""
    try:
        net.to(memory_format=torch.channels_last).eval()(images.contiguous(memory_format=torch.channels_last))  # type: ignore[call-overload]
    except RuntimeError:
        return False
    finally:
        net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return True


def _encoded(net: nn.Module) -> str:
    stored = io.BytesIO()
    torch.save(net.state_dict(), stored)
    return base64.b64encode(stored.getvalue()).decode()
