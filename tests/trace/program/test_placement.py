"""Values that a program computes while it is built or run, and devices that it names."""

import pytest
import torch

from gi.core.trace import Stopped, Trace
from gi.core.types import Task
from gi.source.repair.repair import repaired
from gi.trace.program.placement import MAX_CONSTANT, Placement, Values, called
from tests.checking import HEAD, RECIPE, SMALL, InProcess, program

LINEAR = "self.fc = nn.Linear(64, 10)"
FORWARD = "return self.fc(x.flatten(1))"


@pytest.fixture(scope="module")
def check():
    return InProcess()


COMPUTED = {
    "rates of a drop path": "rates = [r.item() for r in torch.linspace(0, 0.1, 3)]\nself.drop = nn.Dropout(rates[2])",
    "a list": "self.widths = torch.arange(3).tolist()",
    "an int": "self.width = int(torch.tensor(64) / 2)",
    "a comparison": "assert torch.ones(3).sum() == 3",
    "numpy": "self.table = torch.from_numpy(torch.eye(4).numpy() * 2)",
    "least squares": "self.base = torch.linalg.lstsq(torch.eye(3), torch.ones(3, 1)).solution.max().item()",
    "a singular value": "self.scale = float(torch.linalg.svd(torch.diag(torch.arange(1.0, 4.0))).S[0])",
    "a weight's own value": "nn.init.ones_(self.fc.weight)\nassert self.fc.weight[0, 0].item() == 1.0",
    "a weight set from numpy": "self.fc.weight.data.copy_(torch.from_numpy(torch.eye(10, 64).numpy()))",
    "a nonzero": "self.places = [int(i) for i in torch.tensor([0, 1, 1]).nonzero()]",
}


@pytest.mark.parametrize("init", COMPUTED.values(), ids=COMPUTED)
def test_a_value_that_is_computed_while_building_is_there(check, init):
    assert check.trace(program(f"{LINEAR}\n{init}", FORWARD)).fixes == ()


def test_a_value_that_forward_takes_from_a_constant_is_there(check):
    forward = "x = x * torch.linspace(1, 2, 3)[1].item()\nreturn self.fc(x.flatten(1) + self.shift)"
    init = f'{LINEAR}\nself.register_buffer("shift", torch.ones(64))\nself.k = torch.arange(3).tolist()'
    assert check.trace(program(init, forward)).fixes == ()


def test_a_network_that_depends_on_its_data_stops(check):
    answer = check(program(LINEAR, "if x.mean().item() > 0:\n    x = -x\n" + FORWARD), SMALL)
    assert isinstance(answer, Stopped)
    assert "meta" in answer.detail


def test_a_huge_network_whose_constants_are_computed_is_built_without_memory(check):
    init = (
        "rates = [r.item() for r in torch.linspace(0, 0.1, 3)]\nself.table = nn.Parameter(torch.zeros(30000, 1000))\n"
        "self.big = nn.Sequential(*[nn.Linear(5000, 5000) for _ in rates])\nself.fc = nn.Linear(64, 5000)\n"
        "self.out = nn.Linear(5000, 10)"
    )
    answer = check(program(init, "return self.out(self.big(self.fc(x.flatten(1)))) + 0 * self.table[0, 0]"), SMALL)
    assert isinstance(answer, Trace), answer
    assert answer.num_params > 100_000_000


def test_a_fingerprint_is_the_same_each_time_where_values_are_drawn(check):
    init = f"{LINEAR}\nself.a = nn.Parameter(torch.randn(64))\nself.m = torch.rand(3).tolist()"
    text = program(init, "return self.fc(x.flatten(1) * self.a)")
    assert check.trace(text).fingerprint == check.trace(text + "\n").fingerprint


def test_how_a_weight_with_values_starts_counts(check):
    texts = [
        program(f"{LINEAR}\nself.a = nn.Parameter(torch.{f}(64))\nself.m = torch.rand(3).tolist()",
                "return self.fc(x.flatten(1) * self.a)")
        for f in ("ones", "zeros")
    ]  # fmt: skip
    assert check.trace(texts[0]).fingerprint != check.trace(texts[1]).fingerprint


def test_a_position_embedding_with_values_is_followed_to_its_size(check):
    init = (
        "self.rates = [r.item() for r in torch.linspace(0, 0.1, 3)]\nself.pos = nn.Parameter(torch.zeros(1, 49, 64))\n"
        "self.embed = nn.Conv2d(1, 64, 2, 2)\nself.fc = nn.Linear(64, 10)"
    )
    text = program(init, "x = self.embed(x).flatten(2).transpose(1, 2) + self.pos\nreturn self.fc(x.mean(1))")
    assert repaired(text, SMALL, check).text == text.replace("1, 49, 64", "1, 16, 64")


LEGACY = {
    "Tensor": "self.w = nn.Parameter(torch.Tensor(10, 64))\nnn.init.kaiming_uniform_(self.w)",
    "FloatTensor": "self.w = nn.Parameter(torch.FloatTensor(10, 64).uniform_(-1, 1))",
    "Variable": "self.w = nn.Parameter(torch.autograd.Variable(torch.rand(10, 64)).data)",
    "numpy": "import numpy\nself.w = nn.Parameter(torch.from_numpy(numpy.ones((10, 64), dtype=numpy.float32)))",
}


@pytest.mark.parametrize("init", LEGACY.values(), ids=LEGACY)
def test_a_weight_of_a_legacy_constructor_is_a_weight(check, init):
    answer = check.trace(program(init, "return F.linear(x.flatten(1), self.w)"))
    assert answer.num_params == 640
    assert answer.no_gradient == ()


DEVICES = {
    "of the machine": "h = torch.zeros(x.size(0), 64, device=device)",
    "cpu": 'h = torch.zeros(x.size(0), 64).to("cpu")',
    "method": "h = x.new_zeros(x.size(0), 64).cpu()",
    "and a dtype": "h = torch.zeros(x.size(0), 64, dtype=torch.float64).to(device, torch.float32)",
    "of a sibling": "h = torch.zeros(x.size(0), 64).to(x)",
    "a legacy type": "h = torch.zeros(x.size(0), 64).type(torch.FloatTensor)",
    "a constant of the module": "h = TABLE.expand(x.size(0), -1)",
    "a legacy constructor": "h = torch.FloatTensor(x.size(0), 64).zero_()",
    "like another": "h = torch.zeros_like(x.flatten(1), device=device)",
    "written to": "h = torch.FloatTensor(x.size(0), 64).zero_()\nh[:, :32] = x.flatten(1)[:, :32]",
    "a generator": "h = torch.randn(x.size(0), 64, generator=torch.Generator().manual_seed(0))",
}
HEAD_OF_DEVICES = (
    HEAD + 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\nTABLE = torch.ones(64)\n\n\n'
)


@pytest.mark.parametrize("line", DEVICES.values(), ids=DEVICES)
def test_a_device_of_this_machine_may_be_named(check, line):
    forward = f"{line}\nreturn self.fc(x.flatten(1) + h)"
    assert check.trace(program(f"{LINEAR}\nself.to(device)", forward, RECIPE, HEAD_OF_DEVICES)).fixes == ()


LAYOUTS = {
    "a network": ("self.to(memory_format=torch.channels_last)", ""),
    "a network and dtype": ("self.to(torch.float32, memory_format=torch.channels_last)", ""),
    "a network and device": ('self.to("cpu", memory_format=torch.channels_last)', ""),
    "a network's dtype": ("self.to(torch.float32)", ""),
    "a network like a tensor": ("self.to(torch.zeros(1))", ""),
    "images": ("", "x = x.to(memory_format=torch.channels_last)"),
    "images and dtype": ("", "x = x.to(dtype=torch.float32, memory_format=torch.channels_last)"),
    "images and flags": ("", "x = x.to(torch.float32, False, True)"),
    "images like a tensor": ("", "x = x.to(torch.zeros(1))"),
    "contiguous": ("", "x = x.contiguous(memory_format=torch.channels_last)"),
    "on the cpu": ("", "x = x.cpu(memory_format=torch.channels_last)"),
    "nothing": ("", ""),
}
VIEWED = "return self.fc(x.view(x.size(0), -1))"
#: Layers some of which forget the layout on meta.
KEEPING = ("nn.ReLU()", "nn.GroupNorm(2, 8)", "nn.ReflectionPad2d(1)", "nn.ZeroPad2d(1)", "nn.PixelShuffle(2)",
           "nn.ChannelShuffle(2)", "nn.ConvTranspose2d(8, 4, 3)", "nn.Conv2d(8, 4, 1)", "nn.BatchNorm2d(8)",
           "nn.MaxPool2d(2)")  # fmt: skip


@pytest.mark.parametrize("layer", KEEPING)
@pytest.mark.parametrize(("init", "forward"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_view_fits_where_it_does_with_values(check, init, forward, layer):
    """Of a memory layout that a text asks for, and with every form of `to`."""
    features = eval(layer, {"nn": torch.nn})(torch.zeros(1, 8, 8, 8)).numel()
    layers = f"self.conv = nn.Conv2d(3, 8, 3, padding=1)\nself.layer = {layer}\nself.fc = nn.Linear({features}, 10)"
    text = program(f"{layers}\n{init}", f"{forward}\nx = self.layer(self.conv(x))\n{VIEWED}", RECIPE)
    names: dict = {}
    exec(text, names)
    try:
        fits = names["Net"]()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    except RuntimeError as error:
        fits = "view size is not compatible" not in str(error)
    assert ("reshape" not in {fix.kind for fix in check.trace(text, Task((3, 8, 8), 10)).fixes}) is fits


def test_a_wrong_argument_of_to_is_told_as_torch_tells_it(check):
    answer = check(program(LINEAR, "return self.fc(x.flatten(1).to([1]))", RECIPE), SMALL)
    assert isinstance(answer, Stopped)
    assert "to() received an invalid combination of arguments" in answer.detail


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is here")
@pytest.mark.parametrize("line", ["x = x.cuda()", 'x = x + torch.zeros(1, device="cuda:0")', 'x = x.to("cuda")'])
def test_a_device_that_is_not_here_is_named_in_the_reason(check, line):
    answer = check(program(LINEAR, f"{line}\n{FORWARD}"), SMALL)
    assert isinstance(answer, Stopped)
    assert (answer.reason, answer.line) == ("device", 12)
    assert answer.detail == "it asks for the device 'cuda' by name, which this machine lacks"


def test_a_default_device_ends_with_its_program(check):
    assert check.trace(program(LINEAR, FORWARD, head=HEAD + 'torch.set_default_device("cpu")\n\n\n')).fixes == ()
    assert not getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)


def test_a_large_constant_stays_on_meta():
    kwargs = Placement(Values.CONSTANTS).call(torch.zeros, (MAX_CONSTANT + 1,), {})[2]
    assert kwargs["device"] == "meta"
    assert Placement(Values.CONSTANTS).call(torch.zeros, (3,), {})[2]["device"] == "cpu"


def test_a_tensor_with_values_that_is_written_to_goes_to_meta_for_all_who_hold_it():
    real, empty = torch.zeros(3), torch.empty(3, device="meta")
    held = [real]
    called(torch.Tensor.__setitem__, (real, slice(None), empty), {})
    assert held[0].is_meta


NORMS = {
    "old weight norm": "nn.utils.weight_norm(nn.Conv2d(3, 8, 3))",
    "old spectral norm": "nn.utils.spectral_norm(nn.Conv2d(3, 8, 3))",
    "weight norm": "nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3))",
    "spectral norm": "nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3))",
    "orthogonal": "nn.utils.parametrizations.orthogonal(nn.Conv2d(3, 8, 3))",
}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning", "ignore:.*spectral_norm:FutureWarning")
@pytest.mark.parametrize("layer", NORMS.values(), ids=NORMS)
def test_a_layer_whose_weight_is_computed_gets_the_width_of_its_input(check, layer):
    text = program(f"self.a = {layer}\nself.fc = nn.Linear(8, 10)", "return self.fc(F.relu(self.a(x)).mean((2, 3)))")
    result = repaired(text, Task((1, 8, 8), 10), check)
    assert isinstance(result.answer, Trace), result.answer
    assert result.text == text.replace("Conv2d(3,", "Conv2d(1,")
    assert result.answer.uses[0].symbol == "torch.nn.Conv2d"
