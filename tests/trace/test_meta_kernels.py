"""The short ways to shapes on meta tensors say what torch's own descriptions and its kernels for the CPU say."""

import itertools

import pytest
import torch

from gi.trace.meta_kernels import described, install, kernels

LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "with gaps": lambda x: x[:, :, ::2],
    "permuted": lambda x: x.permute(1, 2, 0, 3),
    "one axis": lambda x: x[0, 0, 0],
    "two axes": lambda x: x[0, 0],
    "empty": lambda x: x[:0],
}
TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64)


def tensors():
    for (layout, change), dtype in itertools.product(LAYOUTS.items(), TYPES):
        yield f"{layout} {dtype}", change(torch.ones(4, 6, 8, 8, dtype=dtype))


def arguments(name, x):
    """Calls of an operator: fitting and misfitting, with and without weights, of one and of mixed types."""
    channels = x.shape[1] if x.dim() > 1 else 1
    ones = [None, *(torch.ones(channels, dtype=dtype) for dtype in (x.dtype, torch.float32))]
    match name:
        case "add.Tensor" | "sub.Tensor" | "mul.Tensor" | "div.Tensor":
            others = (x, x.double(), x[:1], x.contiguous(), x.t() if x.dim() == 2 else x, torch.ones((), dtype=x.dtype))
            return [(x, other) for other in others]
        case "native_batch_norm":
            return [(x, w, w, m, m, training, 0.1, 1e-5)
                    for w in ones for m in ones[1:] for training in (True, False)]  # fmt: skip
        case "native_layer_norm":
            shapes = [[*x.shape[-n:]] for n in (1, 2, 3) if n <= x.dim()]
            return [(x, shape, w, w, 1e-5)
                    for shape in [*shapes, [3]] for w in (None, torch.ones(shape, dtype=x.dtype))]  # fmt: skip
        case "native_group_norm" if x.dim() == 4:
            n, c, h, w = x.shape
            return [(x, one, one, n, c, h * w, groups, 1e-5) for one in ones for groups in (1, 2, 5)]
        case "native_group_norm":
            return []
        case "addmm":
            rows = x.shape[-1]
            weights = (torch.ones(rows, 5, dtype=x.dtype), torch.ones(5, rows, dtype=x.dtype).t(), torch.ones(3, 5))
            biases = [torch.ones(size, dtype=x.dtype) for size in (5, 1, 4)]
            return [(bias, x, weight) for weight in weights for bias in biases]
        case _:
            return [(x,)]


def form(call, given):
    """Shape, strides and type of each result, or the type of the error; what is changed in place is a copy."""
    try:
        results = call(*(each.clone() if isinstance(each, torch.Tensor) else each for each in given))
    except Exception as error:
        return type(error).__name__
    results = results if isinstance(results, tuple) else (results,)
    return [(tuple(r.shape), r.stride(), r.dtype) for r in results]


def on_meta(given):
    return tuple(each.to("meta") if isinstance(each, torch.Tensor) else each for each in given)


@pytest.mark.parametrize("name", kernels())
def test_a_short_way_answers_as_torchs_own_description(name):
    short, own = kernels()[name], described(name)
    for told, x in tensors():
        for given in arguments(name, x):
            assert form(short, on_meta(given)) == form(own, on_meta(given)), told


@pytest.mark.parametrize("name", kernels())
def test_a_result_is_laid_out_as_on_the_cpu(name):
    install()
    packet, _, overload = name.partition(".")
    operator = getattr(getattr(torch.ops.aten, packet), overload or "default")
    for told, x in tensors():
        if x.dtype not in (torch.float32, torch.float64) or told.startswith(("with gaps", "permuted")):
            continue  # left to torch
        for given in arguments(name, x):
            real = form(operator, given)
            if isinstance(real, list):  # what the CPU refuses is torch's to describe, as above
                assert form(operator, on_meta(given))[0] == real[0], told


def test_a_fake_tensor_with_symbolic_sizes_is_left_to_torch():
    """`torch.export` with a dynamic batch: a size that was compared would be fixed."""
    install()
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    ).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(net, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},))
    assert exported.module()(torch.zeros(5, 1, 8, 8)).shape == (5, 3)


def test_a_torch_that_refuses_a_second_kernel_keeps_its_own(monkeypatch):
    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False):
        raise RuntimeError("there's already a kernel registered from python")

    monkeypatch.setattr(torch.library.Library, "impl", impl)
    install.__wrapped__()
