"""Trying module classes: which parameters set their widths, and why a class is no block."""

import warnings

import pytest

from gi.trace.classes.argument_guesses import Parameter, assignments
from gi.trace.classes.client import TrialWorker
from gi.trace.classes.probe import MAX_PARAMS
from gi.trace.classes.trial import tried
from tests.stand_ins import OPEN

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n\n"


def source(parameters, init, forward="return self.net(x)", base="nn.Module"):
    body = "\n".join(f"        {line}" for line in ["super().__init__()", *init.split("\n")])
    return (
        f"{HEAD}class Block({base}):\n    def __init__(self{parameters and ', '}{parameters}):\n{body}\n\n"
        f"    def forward(self, x):\n        {forward}\n"
    )


def found(*args, calls=(), **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tried(source(*args, **kwargs), "Block", calls)


def test_a_convolution_has_free_widths_and_a_stride():
    block = found("in_planes, planes, stride=1", "self.net = nn.Conv2d(in_planes, planes, 3, stride, 1)")
    assert dict(block["arguments"]) == {"in_planes": "channels_in", "planes": "channels_out", "stride": "stride"}
    setters = [block[key] for key in ("channels_in", "channels_out", "stride", "factor")]
    assert setters == ["in_planes", "planes", "stride", 1.0]
    assert (block["input"], block["keeps_channels"], block["channels_step"], block["params"]) == (
        "image",
        False,
        1,
        36928,
    )
    assert (block["size_step"], block["least_size"], block["size_factor"]) == (1, 1, 1.0)


def test_a_bottleneck_keeps_its_channels_and_multiplies_its_planes():
    block = found(
        "inplanes, planes",
        "self.a = nn.Conv2d(inplanes, planes, 1)\nself.b = nn.Conv2d(planes, planes * 4, 1)",
        "return x + self.b(self.a(x))",
    )
    assert dict(block["arguments"]) == {"inplanes": "channels_in", "planes": "channels_out // 4"}
    assert (block["factor"], block["keeps_channels"], block["channels_step"]) == (4.0, True, 4)


def test_branches_side_by_side_share_the_width():
    branches = {"a": "ch1x1", "b": "ch3x3", "c": "ch5x5", "d": "pool_proj"}
    init = "\n".join(f"self.{name} = nn.Conv2d(cin, {width}, 1)" for name, width in branches.items())
    forward = "return torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)"
    block = found("cin, ch1x1, ch3x3, ch5x5, pool_proj", init, forward)
    assert set(dict(block["arguments"]).values()) == {"channels_in", "channels_out // 4"}
    assert not block["keeps_channels"]


def test_a_block_for_one_number_of_tokens_is_none():
    positions = "self.net = nn.Linear(dim, dim)\nself.pos = nn.Parameter(torch.zeros(1, length, dim))"
    tried_block = found("dim, length=64", positions, "return self.net(x + self.pos)")
    assert tried_block["reason"] in ("fits one number of tokens only", "takes no image, features or tokens")
    longer = "return self.net(torch.cat((x[:, :1], x), 1))"
    assert "reason" in found("dim", "self.net = nn.TransformerEncoderLayer(dim, 1, batch_first=True)", longer)


def test_features_and_tokens_are_told_from_images():
    assert found("dim, hidden_dim", "self.net = nn.Linear(dim, dim)")["input"] == "features"
    attention = "self.n = nn.LayerNorm(dim)\nself.a = nn.Linear(dim, 3 * dim)"
    tokens = (
        "b, n, c = x.shape; q, k, v = self.a(self.n(x)).chunk(3, -1); return F.scaled_dot_product_attention(q, k, v)"
    )
    assert found("dim", attention, tokens)["input"] == "tokens"


def test_a_width_that_only_certain_numbers_fit_has_a_step():
    block = found("channels", "self.net = nn.Conv2d(channels, channels, 3, padding=1, groups=channels // 8)")
    assert block["channels_step"] == 8


def test_an_image_that_only_certain_sizes_fit_has_a_step():
    block = found("dim", "self.net = nn.Conv2d(dim, dim, 1)", "assert x.shape[2] % 4 == 0; return self.net(x)")
    assert block["size_step"] == 4
    assert found("dim", "self.net = nn.Conv2d(dim, dim, 3)")["size_factor"] == 14 / 16


def test_real_calls_say_what_guesses_do_not():
    parameters, init = "dim, mode", "assert mode == 'sharp'\nself.net = nn.Conv2d(dim, dim, 1)"
    assert found(parameters, init)["reason"] == "cannot be built"
    assert dict(found(parameters, init, calls=[(["64", "'sharp'"], {})])["arguments"])["mode"] == "'sharp'"


def test_parameters_that_are_passed_on_are_found():
    block = found("in_channels, out_channels, **kwargs", "self.net = nn.Conv2d(in_channels, out_channels, **kwargs)")
    assert dict(block["arguments"])["kernel_size"] == "3"


def test_a_block_may_write_to_its_input():
    block = found(
        "dim", "self.act = nn.ReLU(inplace=True)\nself.net = nn.Conv2d(dim, dim, 1)", "return self.net(self.act(x))"
    )
    assert block["input"] == "image"


def test_arguments_may_be_classes_of_torch():
    block = tried(source("dim, norm_layer", "self.net = norm_layer(dim)").replace("from torch import nn", "from torch.nn import Module\nimport torch.nn").replace("nn.Module)", "Module)"), "Block")  # fmt: skip  # noqa: E501
    assert dict(block["arguments"])["norm_layer"] == "nn.BatchNorm2d"
    assert block["needs_nn"]


@pytest.mark.parametrize(
    ("parameters", "init", "forward", "reason"),
    [
        ("dim", "raise ValueError('no')", "return x", "cannot be built"),
        ("", "self.net = nn.Conv2d(3, 3, 1)", "return self.net(x)", "takes no image, features or tokens"),
        ("dim", "self.net = nn.Conv2d(dim, dim, 1)", "return [self.net(x)]", "gives no tensor"),
        ("dim", "self.net = nn.Conv2d(dim, 10, 1)", "return self.net(x).mean((2, 3))", "gives another kind of tensor"),
        ("dim", "self.net = nn.Conv2d(dim, 10, 1)", "return self.net(x)", "its width cannot be set"),
        ("dim", "pass", "return x", "does nothing"),
        ("dim", "pass", "return x * 1.0", "does nothing"),
        ("dim", "self.net = nn.Conv2d(dim, dim, 1)\nself.idle = nn.Linear(1, 1)", "return self.net(x)",
         "a parameter gets no gradient"),
        ("dim", f"self.net = nn.Linear(1, {MAX_PARAMS})", "return self.net(x)", "is too large"),
        ("dim", "self.net = nn.Conv2d(dim, dim, 1)", "return self.net(torch.log(-1 - x * x))",
         "gives no finite numbers"),
    ],
)  # fmt: skip
def test_what_is_no_block_says_why(parameters, init, forward, reason):
    assert found(parameters, init, forward)["reason"] == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing.there\n", "its module does not run"),
        ("class Block:\n    pass\n", "is no module class"),
        (f"{HEAD}class Block(nn.Module):\n    pass\n", "has no forward"),
        (f"{HEAD}class Block(nn.Module):\n    def forward(self, x, y):\n        pass\n", "takes several inputs"),
    ],
)
def test_a_module_that_is_odd_says_why(text, reason):
    assert tried(text, "Block")["reason"] == reason


def test_likely_guesses_are_tried_first():
    tries = list(assignments([Parameter("a", ("1", "2")), Parameter("b", ("x", ""))], 10))
    assert tries == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "1"}, {"a": "2"}]


@pytest.mark.slow
def test_a_class_that_does_not_end_costs_one_process():
    with TrialWorker(wall_limit_s=3.0, gate=OPEN) as trial:
        assert trial(source("dim", "while True: pass"), "Block")["reason"] == "does not end"
        assert trial(source("dim", "import os; os._exit(3)"), "Block")["reason"] == "ends the process"
        assert trial(source("dim", "self.net = nn.Conv2d(dim, dim, 1)"), "Block")["input"] == "image"
        assert trial.cpu_s > 0
