"""What a Python object is, by where torch files it: the truth's own classification, sharing nothing with gi.

A class goes by the file of `torch/nn/modules` that defines it or its nearest base; a function by the layer of the same
name (`max_pool2d` and `MaxPool2d`), else by the short table below, which follows the sections of torch's documentation.
"""

import enum
import functools
import inspect

import torch
import torch.nn.functional as F
import torchvision.transforms.v2
from torch import nn

FILES = {
    "conv": "connection", "linear": "connection", "rnn": "connection", "transformer": "connection",
    "sparse": "connection", "fold": "connection", "activation": "activation", "adaptive": "activation",
    "batchnorm": "normalization", "instancenorm": "normalization", "normalization": "normalization",
    "pooling": "pooling", "dropout": "regularization", "loss": "loss", "flatten": "reshape",
    "pixelshuffle": "reshape", "channelshuffle": "reshape", "padding": "reshape", "upsampling": "reshape",
}  # fmt: skip
VISION_OPS = {
    "deform_conv": "connection", "stochastic_depth": "regularization", "drop_block": "regularization",
    "roi_align": "pooling", "roi_pool": "pooling", "ps_roi_align": "pooling", "ps_roi_pool": "pooling",
    "poolers": "pooling", "focal_loss": "loss", "giou_loss": "loss", "diou_loss": "loss", "ciou_loss": "loss",
}  # fmt: skip
# Functions that no layer is named after, by section of the documentation.
BY_SECTION = {
    "reshape": "interpolate pad grid_sample upsample_nearest upsample_bilinear",
    "normalization": "normalize",
    "connection": "scaled_dot_product_attention multi_head_attention_forward embedding_bag",
    "activation": "gumbel_softmax",
    "regularization": "feature_dropout",
    "loss": "binary_cross_entropy_with_logits",
}
TENSOR_SHAPES = (
    "reshape permute transpose squeeze unsqueeze movedim moveaxis swapaxes swapdims ravel t flatten unflatten"
)


def plain(name):
    return name.lower().replace("_", "")


def layers_by_name():
    found = {}
    for name, cls in vars(nn).items():
        kind = kind_of_class(cls) if inspect.isclass(cls) else None
        if kind:
            found[plain(name)] = kind
            found.setdefault(plain(name.removesuffix("Loss")), kind)
            found.setdefault(plain(name.rstrip("d").rstrip("123")), kind)
    return found


def kind_of_class(cls):
    if issubclass(cls, torch.optim.Optimizer):
        return "optimizer"
    if issubclass(cls, torch.optim.lr_scheduler.LRScheduler):
        return "scheduler"
    for base in cls.__mro__:
        where, _, file = base.__module__.rpartition(".")
        if base is nn.MultiheadAttention:
            return "connection"
        if where == "torch.nn.modules" and file in FILES:
            return FILES[file]
        if where == "torchvision.ops" and (file in VISION_OPS or base.__name__ in ("FrozenBatchNorm2d", "Permute")):
            return {"FrozenBatchNorm2d": "normalization", "Permute": "reshape"}.get(base.__name__) or VISION_OPS[file]
        public = base.__name__ in dir(torchvision.transforms) or base.__name__ in dir(torchvision.transforms.v2)
        if base.__module__.startswith("torchvision.transforms") and public and not issubclass(base, enum.Enum):
            return "augmentation"
    return None


@functools.cache
def functions():
    """Every function of torch.nn.functional and torch that has a kind, by identity."""
    names, found = layers_by_name(), {}
    by_section = {name: kind for kind, words in BY_SECTION.items() for name in words.split()}
    for home in (F, torch):
        for name, value in vars(home).items():
            stem = plain(name.removesuffix("_").removesuffix("_with_indices"))
            kind = names.get(stem) or (by_section.get(name) if home is F else None)
            if callable(value) and not inspect.isclass(value) and kind:
                found[value] = kind
    found.update((getattr(torch, name), "reshape") for name in TENSOR_SHAPES.split())
    return found


def kind_of(thing):
    """The line type of what a call calls, or None."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if inspect.isclass(thing):
        return kind_of_class(thing)
    try:
        kind = functions().get(thing)
    except TypeError:
        return None
    if kind is None and inspect.isfunction(thing):
        where, _, file = thing.__module__.rpartition(".")
        public = thing.__name__ in dir(torchvision.ops)
        if where == "torchvision.ops" and public:
            return VISION_OPS.get(file)
        if thing.__module__ == "torchvision.transforms.functional" and not thing.__name__.startswith(("get_", "_")):
            return "augmentation"
    return kind
