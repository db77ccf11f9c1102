"""What is remembered of calls on meta tensors is what torch itself gives."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

from gi.trace.fit.remembered_outputs import Outputs
from gi.trace.identity.recipe_digest import reached


def image(*shape: int, requires_grad: bool = True) -> torch.Tensor:
    made = torch.empty(shape or (3, 8, 6, 6), device="meta", requires_grad=requires_grad)
    return made * 1 if requires_grad else made


def weight(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta", requires_grad=True)


CALLS = {
    "convolution": lambda call: call(F.conv2d, image(), weight(4, 8, 3, 3), padding=1),
    "batch norm": lambda call: call(F.batch_norm, image(), None, None, weight(8), weight(8), True),
    "activation": lambda call: call(F.relu, image()),
    "activation of a transposed image": lambda call: call(F.relu, image().transpose(1, 3)),
    "sum": lambda call: call(torch.add, image(), image(3, 1, 6, 6)),
    "no gradient": lambda call: call(F.relu, image(requires_grad=False)),
    "integers": lambda call: call(torch.argmax, image(), 1),
    "concatenation": lambda call: call(torch.cat, [image(), image(3, 2, 6, 6)], 1),
    "in place": lambda call: call(F.relu, image(), inplace=True),
    "in place, no gradient": lambda call: call(torch.Tensor.add_, image(requires_grad=False), 1),
    "a sum in place that takes a gradient in": lambda call: call(
        torch.Tensor.add_, image(requires_grad=False), image()
    ),
    "detached": lambda call: call(torch.Tensor.detach_, image()),
    "a gradient asked for": lambda call: call(torch.Tensor.requires_grad_, image(requires_grad=False)),
    "squeezed in place": lambda call: call(torch.Tensor.squeeze_, image(3, 8, 1, 1, requires_grad=False)),
    "view": lambda call: call(torch.Tensor.view, image(), 3, -1),
    "several": lambda call: call(torch.chunk, image(), 2, 1),
    "a number": lambda call: call(torch.Tensor.size, image(), 1),
}


def form(value):
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.stride(), value.dtype, value.requires_grad, value.device.type
    return [form(v) for v in value] if isinstance(value, (tuple, list)) else value


@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS)
def test_a_second_call_gives_what_the_first_gave(calls):
    outputs = Outputs()
    real = form(calls(lambda func, *args, **kwargs: func(*args, **kwargs)))
    for _ in range(3):
        assert form(calls(lambda func, *args, **kwargs: outputs(func, args, kwargs)[0])) == real


def test_a_remembered_output_still_depends_on_the_weights():
    outputs, kernel = Outputs(), weight(4, 8, 3, 3)
    for _ in range(2):
        output, _ = outputs(F.conv2d, (image(), kernel), {})
        assert id(kernel) in reached(output)


def test_another_setting_is_another_call():
    outputs = Outputs()
    sizes = [tuple(outputs(F.max_pool2d, (image(), kernel), {})[0].shape) for kernel in (2, 3, 2)]
    assert sizes == [(3, 8, 3, 3), (3, 8, 2, 2), (3, 8, 3, 3)]


def test_what_does_not_fit_is_refused_each_time():
    outputs = Outputs()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="channel"):
            outputs(F.conv2d, (image(), weight(4, 7, 3, 3)), {})


def test_real_tensors_are_computed():
    outputs = Outputs()
    values = [float(outputs(torch.add, (torch.tensor(n), 1), {})[0]) for n in (1.0, 2.0)]
    assert values == [2.0, 3.0]
