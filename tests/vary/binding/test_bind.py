"""Binding: an ingredient's arguments, written for the place it goes to."""

import ast
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.types import Ingredient, LineType, Origin
from gi.vary.binding.bind import bound_arguments, evaluated
from gi.vary.binding.parameter_rules import Surroundings
from tests.checking import InProcess

NOWHERE = Origin("", "", "", 1, "")


def ingredient(call, names=()):
    symbol = call.partition("(")[0]
    return Ingredient(LineType.CONNECTION, symbol, call, call, tuple(names), NOWHERE)


IMAGE = Surroundings(channels=8, size=(14, 14), width=16, widths=(8, 16))
SHARED = Surroundings(
    channels=8, width=16, is_shared=True, channels_code="inputs", width_code="outputs",
    window=("kernel_size", "padding"), groups="groups",
)  # fmt: skip
RECIPE = Surroundings(net="model", optimizer="opt", steps="total", image=(28, 28))
BOUND = [
    ("torch.nn.Conv2d(3, 16, 3)", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, kernel_size=3, padding=1)", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, 3, stride=2, bias=False)", IMAGE, "8, 16, 3, stride=2, padding=1, bias=False"),
    ("torch.nn.Conv2d(3, 16, 11, stride=4, padding=2)", IMAGE, "8, 16, 3, stride=2, padding=1"),
    ("torch.nn.Conv2d(3, 16, 3, device='cuda')", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, k)", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, 5)", SHARED, "inputs, outputs, kernel_size, padding=padding, groups=groups"),
    ("torch.nn.Linear(4096, 16)", IMAGE, "8, 16"),
    ("torch.nn.BatchNorm2d(64)", IMAGE, "8"),
    ("torch.nn.BatchNorm2d(width, eps=0.001)", IMAGE, "8, eps=0.001"),
    ("torch.nn.GroupNorm(32, 64)", IMAGE, "8, 8"),
    ("torch.nn.GroupNorm(4, 64)", IMAGE, "4, 8"),
    ("torch.nn.ReLU(inplace=True)", IMAGE, ""),
    ("torch.nn.MaxPool2d(2, stride=2)", IMAGE, "2, stride=2"),
    ("torch.nn.Dropout(0.25)", IMAGE, "0.25"),
    # What generated code leaves open.
    ("torch.nn.Conv2d(3, 16, 1, stride=0, padding=0, dilation=0)", IMAGE, "8, 16, 1, padding=0"),
    ("torch.nn.Conv2d(3, 16, 3, stride=None, padding=None, bias=None)", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, 3, padding=-1, dilation=(0, 1))", IMAGE, "8, 16, 3, padding=1"),
    ("torch.nn.Conv2d(3, 16, 3, padding='same')", IMAGE, "8, 16, 3, padding='same'"),
    ("torch.nn.MaxPool2d(2, stride=(0, 2))", IMAGE, "2"),
    ("torch.nn.BatchNorm2d(64, eps=None)", IMAGE, "8"),
    ("torch.nn.LocalResponseNorm(5, k=2.0)", IMAGE, "5, k=2.0"),
    ("torch.nn.LocalResponseNorm(0, k=2.0)", IMAGE, "5, k=2.0"),
    ("torch.nn.LocalResponseNorm(size=n)", IMAGE, "5"),
    ("torch.nn.Upsample(size=224)", IMAGE, "size=(14, 14)"),
    ("torch.nn.PReLU()", IMAGE, ""),
    ("torch.nn.PReLU(64)", IMAGE, "num_parameters=8"),
    ("torch.nn.functional.relu(x, inplace=True)", IMAGE, ""),
    ("torch.nn.functional.max_pool2d(x, 2)", IMAGE, "2"),
    ("torch.nn.functional.layer_norm(x, (64,))", IMAGE, "(8,)"),
    ("torch.nn.functional.layer_norm(x, shape)", SHARED, "(inputs,)"),
    ("torch.nn.functional.dropout(x, p=0.3, training=self.training)", IMAGE, "0.3"),
    ("torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)", RECIPE, "model.parameters(), lr=0.1, momentum=0.9"),
    ("torch.optim.Adam([{'params': a}], lr=0.01)", RECIPE, "model.parameters(), lr=0.01"),
    ("torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=200)", RECIPE, "opt, total"),
    ("torch.optim.lr_scheduler.StepLR(o, 30, gamma=0.1)", RECIPE, "opt, max(1, total // 3), gamma=0.1"),
    ("torchvision.transforms.v2.RandomCrop(32, padding=4)", RECIPE, "(28, 28), padding=4"),
    ("torch.nn.CrossEntropyLoss(label_smoothing=0.1)", RECIPE, "label_smoothing=0.1"),
    ("torchvision.transforms.RandomPerspective(0.2, p=0.3)", RECIPE, "distortion_scale=0.2, p=0.3"),
    ("torchvision.transforms.v2.RandomZoomOut(fill=0, p=0.3)", RECIPE, "fill=0, p=0.3"),
]


@pytest.mark.parametrize(("call", "around", "arguments"), BOUND, ids=[b[0] for b in BOUND])
def test_binds_arguments_to_a_place(check, call, around, arguments):
    found = ingredient(call)
    for seed in range(4):
        bound = bound_arguments(found, around, check.signature(found.symbol), random.Random(seed))
        assert bound == arguments


@pytest.mark.parametrize(
    ("call", "names", "arguments"),
    [
        ("torch.nn.Conv2d(c, width, 3)", [("c", None), ("width", "16")], "8, 16, 3, padding=1"),
        ("torch.nn.Conv2d(c, 2 * w, k)", [("w", "8"), ("k", "5")], "8, 16, 5, padding=2"),
        ("torch.nn.Conv2d(c, 16, 1, bias=b)", [("b", "False")], "8, 16, 1, padding=0, bias=False"),
        ("torch.nn.Dropout(rate)", [("rate", "0.4")], "0.4"),
        ("torch.nn.BatchNorm2d(c, eps=e)", [("c", None), ("e", None)], "8"),
    ],
)  # fmt: skip
def test_takes_the_donors_values_for_its_names(check, call, names, arguments):
    found = ingredient(call, names)
    assert bound_arguments(found, IMAGE, check.signature(found.symbol), random.Random(0)) == arguments


@pytest.mark.parametrize("call", ["torch.nn.LSTMCell(n, m)", "torch.nn.Unflatten(a, b)", "torch.nn.Bilinear(a, b, c)"])
def test_refuses_what_can_take_no_sensible_value(check, call):
    found = ingredient(call)
    assert bound_arguments(found, IMAGE, check.signature(found.symbol), random.Random(0)) is None


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("3", 3),
        ("-2", -2),
        ("n", 8),
        ("2 * n + 1", 17),
        ("n // 3", 2),
        ("(n, 2)", (8, 2)),
        ("[1, 2]", (1, 2)),
        ("self.n", 5),
        ("'same'", "same"),
        ("True", True),
    ],
)
def test_evaluates_literals_and_known_names(code, value):
    assert evaluated(ast.parse(code, mode="eval").body, {"n": "8", "self.n": "5"}) == value


@pytest.mark.parametrize("code", ["m", "f(1)", "n / 0", "n // 0", "n % 0", "(n, m)", "n if n else 1", "'a' + 1", "-m"])
def test_leaves_the_rest_unknown(code):
    unknown = evaluated(ast.parse("m", mode="eval").body, {})
    assert evaluated(ast.parse(code, mode="eval").body, {"n": "8"}) is unknown


_CHECK = InProcess()


@given(
    st.lists(
        st.tuples(st.sampled_from(["p", "eps", "scale", "gamma"]), st.booleans(), st.booleans()),
        unique_by=lambda row: row[0],
    )
)
def test_arguments_are_a_call_that_gives_each_parameter_its_value(rows):
    rows.sort(key=lambda row: not row[1])  # as in every signature, what must be given comes first
    signature = [(name, required) for name, required, _ in rows]
    given_values = {name: n / 10 for n, (name, required, is_given) in enumerate(rows, 1) if required or is_given}
    call = ", ".join(f"{name}={value}" for name, value in given_values.items())
    bound = bound_arguments(ingredient(f"f({call})"), RECIPE, signature, random.Random(0))
    call = ast.parse(f"f({bound})", mode="eval").body
    by_name = dict(zip([name for name, _ in signature], (a.value for a in call.args), strict=False))
    written = by_name | {k.arg: k.value.value for k in call.keywords}
    assert {name: written.get(name) for name in given_values} == given_values


@given(st.integers(1, 300), st.integers(1, 13), st.integers(1, 6), st.integers(1, 64), st.integers(0, 99))
def test_a_bound_convolution_always_builds(width, kernel, stride, channels, seed):
    found = ingredient(f"torch.nn.Conv2d(3, {width}, {kernel}, stride={stride}, padding={kernel}, groups={stride})")
    around = Surroundings(channels=channels, size=(8, 8))
    bound = bound_arguments(found, around, _CHECK.signature(found.symbol), random.Random(seed))
    from torch import nn

    layer = eval(f"nn.Conv2d({bound}, device='meta')", {"nn": nn})
    assert layer.in_channels == channels
    assert max(layer.kernel_size) <= 7
