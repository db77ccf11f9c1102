"""Turns layers with computed or uninitialised weights into plain layers. Check worker only.

`weight_norm`, `spectral_norm` and the parametrizations compute a weight from other parameters before each call; a lazy
layer waits for its first input. Where the sizes of such a layer have to change, it continues as a plain layer of those
sizes: the repaired text builds the original form again.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

_WIDTHS = ("in_features", "in_channels", "num_features")


def settle_weights(layer: Any) -> None:
    """Replaces each computed weight of a layer by a parameter of the same shape."""
    if parametrize.is_parametrized(layer):
        for name in list(layer.parametrizations):
            weight = _like(getattr(layer, name))
            del layer.parametrizations[name]
            layer._parameters[name] = weight
        # Parametrizing changed the layer's class to one derived from the plain class.
        layer.__class__, layer._modules = type(layer).__mro__[1], {}
    for key, hook in list(layer._forward_pre_hooks.items()):
        if isinstance(hook, (WeightNorm, SpectralNorm)):
            weight = _like(getattr(layer, hook.name))
            del layer._forward_pre_hooks[key]
            for stored in (layer._parameters, layer._buffers, layer.__dict__):
                for name in [n for n in stored if n == hook.name or n.startswith(f"{hook.name}_")]:
                    del stored[name]
            layer._parameters[hook.name] = weight


def _like(weight: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(torch.empty(weight.shape, device="meta"))


def is_lazy(layer: nn.Module) -> bool:
    """Whether a layer is lazy and has not seen its first input."""
    return isinstance(layer, LazyModuleMixin) and layer.has_uninitialized_params()


def width_name(layer: nn.Module) -> str:
    """The parameter of a lazy layer's plain class that sets its input width."""
    return next(name for name in _WIDTHS if hasattr(layer, name))


def wake(layer: Any) -> None:
    """Turns a lazy layer into one of its plain class, with sizes still to be set."""
    # The hooks would set the sizes once more from the first input.
    layer._initialize_hook.remove()
    layer._load_hook.remove()
    layer.__class__ = layer.cls_to_become
    for name, parameter in layer._parameters.items():
        if isinstance(parameter, UninitializedParameter):
            layer._parameters[name] = nn.Parameter(torch.empty(getattr(layer, "out_features", 0), device="meta"))
    for name, buffer in layer._buffers.items():
        if isinstance(buffer, nn.parameter.UninitializedBuffer):
            layer._buffers[name] = torch.empty(0, device="meta")
