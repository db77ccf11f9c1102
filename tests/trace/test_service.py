"""What a trace says of a program: uses, fixes, what is unused, fingerprints, and why a program stopped."""

import random

import pytest
import torch

from gi.core.trace import Stopped, Trace
from gi.core.types import Task
from gi.trace import service
from tests.checking import HEAD, SEEDS, SMALL, InProcess, program, sequential, with_recipe


@pytest.fixture(scope="module")
def check():
    return InProcess()


INIT = "self.conv = nn.Conv2d(1, 8, 3, padding=1)\nself.bn = nn.BatchNorm2d(8)\nself.fc = nn.Linear(512, 10)"
FORWARD = "x = F.relu(self.bn(self.conv(x)))\nreturn self.fc(x.flatten(1))"


def test_names_every_use_in_order(check):
    uses = check.trace(program(INIT, FORWARD)).uses
    assert [u.symbol for u in uses] == [
        "torch.nn.Conv2d",
        "torch.nn.BatchNorm2d",
        "torch.nn.functional.relu",
        "torch.Tensor.flatten",
        "torch.nn.Linear",
    ]
    assert uses[0].inputs == ((3, 1, 8, 8),)
    assert uses[0].output == (3, 8, 8, 8)
    assert [u.params for u in uses] == [80, 16, 0, 0, 5130]
    assert uses[0].built[0][0] == 9
    assert uses[0].site[0] == 14
    assert uses[2].built == ()


def test_a_layer_whose_forward_is_called_is_used_like_one_that_is_called(check):
    direct = FORWARD.replace("self.conv(", "self.conv.forward(").replace("self.fc(", "self.fc.forward(")
    called, plain = check.trace(program(INIT, direct)), check.trace(program(INIT, FORWARD))
    assert [(u.symbol, u.built, u.params) for u in called.uses] == [(u.symbol, u.built, u.params) for u in plain.uses]
    assert called.unused == ()
    assert called.fingerprint == plain.fingerprint
    assert "_on_call" not in torch.nn.Conv2d.forward.__code__.co_names, "torch is left as it was"


def test_says_what_a_layer_was_built_with(check):
    text = program("width = 8\nself.conv = nn.Conv2d(1, width, kernel_size=3)\nself.fc = nn.Linear(288, 10)", FORWARD)
    settings = dict(check.trace(text.replace("self.bn(self.conv(x))", "self.conv(x)")).uses[0].settings)
    assert settings["out_channels"] == "8"
    assert settings["kernel_size"] == "3"
    assert settings["stride"] == "1"


def test_names_the_calls_that_led_to_a_layer(check):
    text = program(
        "def block(n):\n    return nn.Conv2d(1, n, 3)\nself.a = block(4)\nself.fc = nn.Linear(144, 10)",
        "return self.fc(self.a(x).flatten(1))",
    )
    assert [site[0] for site in check.trace(text).uses[0].built] == [10, 11]


def test_counts_the_layers_of_one_call(check):
    text = program(
        "self.n = nn.Sequential(nn.Flatten(), *[nn.Linear(64, 64) for _ in range(3)], nn.Linear(64, 10))",
        "return self.n(x)",
    )
    assert 3 in [count for _, count in check.trace(text).built_counts]


def test_names_the_class_of_the_network_that_the_entry_builds():
    text = program(INIT, FORWARD).replace("class Net", "class Model") + "\n\ndef small():\n    return Model()\n"
    for entry in ("Model", "small", "small()", "Model()"):
        assert service.trace(text, [1, 8, 8], 10, entry)["network"] == "Model"
    built = text + "\n\ndef plain():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    assert service.trace(built, [1, 8, 8], 10, "plain")["network"] == "", "its class does not stand in the text"


def test_finds_unused_layers_and_parameters_without_gradient(check):
    trace = check.trace(program(INIT, FORWARD.replace("self.bn(self.conv(x))", "self.conv(x)")))
    assert [site[0] for site in trace.unused] == [10]
    assert trace.no_gradient == ("bn.weight", "bn.bias")
    detached = check.trace(program(INIT, FORWARD.replace("self.conv(x)", "self.conv(x).detach()")))
    assert detached.no_gradient == ("conv.weight", "conv.bias")
    assert not check.trace(program(INIT, FORWARD)).no_gradient


def test_a_layer_is_used_wherever_it_is_called(check):
    text = program(INIT + "\nself.m = nn.ModuleList([nn.ReLU()])", FORWARD.replace("F.relu", "self.m[0]"))
    assert not check.trace(text).unused


BASE = program(INIT, FORWARD)
SAME = {
    "names": BASE.replace("self.conv", "self.stem"),
    "order of definition": program("\n".join(reversed(INIT.split("\n"))), FORWARD),
    "a layer for its function": program(INIT + "\nself.act = nn.ReLU()", FORWARD.replace("F.relu", "self.act")),
    "a method for its function": BASE.replace("x.flatten(1)", "torch.flatten(x, 1)"),
    "a view for a flatten": BASE.replace("x.flatten(1)", "x.view(x.size(0), -1)"),
    "in place": BASE.replace("F.relu(self.bn(self.conv(x)))", "F.relu(self.bn(self.conv(x)), inplace=True)"),
    "a sequential": sequential(
        "nn.Conv2d(1, 8, 3, padding=1)", "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"
    ),
    "relu twice": BASE.replace("F.relu(self", "F.relu(F.relu(self").replace("(x)))", "(x))))"),
    "a dropout of nothing": BASE.replace("x.flatten(1)", "F.dropout(x, 0.0).flatten(1)"),
    "an identity": BASE.replace("self.fc(x.flatten(1))", "self.fc(nn.Identity()(x).flatten(1))"),
    "times one": BASE.replace("x.flatten(1)", "(x * 1).flatten(1)"),
    "a threshold for an activation": BASE.replace("F.relu(", "torch.maximum(torch.zeros(()), "),
    "another way to pad": BASE.replace("padding=1", "padding='same'"),
    "a printed line": BASE.replace("x = F.relu", "print(x.shape)\n        x = F.relu"),
}  # fmt: skip


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_programs_that_compute_the_same_have_one_fingerprint(check, text):
    assert check.trace(text).fingerprint == check.trace(BASE).fingerprint


OTHER = {
    "width": BASE.replace("1, 8, 3", "1, 4, 3").replace("2d(8)", "2d(4)").replace("512", "256"),
    "kernel": BASE.replace("3, padding=1", "5, padding=2"),
    "padding mode": BASE.replace("padding=1", 'padding=1, padding_mode="reflect"'),
    "bias": BASE.replace("padding=1", "padding=1, bias=False"),
    "momentum": BASE.replace("2d(8)", "2d(8, momentum=0.2)"),
    "activation": BASE.replace("F.relu", "F.gelu"),
    "order": BASE.replace("F.relu(self.bn(self.conv(x)))", "self.bn(F.relu(self.conv(x)))"),
    "a dropout": BASE.replace("F.relu(self.bn", "F.dropout(self.bn"),
    "another dropout": BASE.replace("F.relu(self.bn(self.conv(x)))", "F.dropout(self.bn(self.conv(x)), 0.2)"),
    "a shared layer": BASE.replace("self.bn(self.conv(x))", "self.bn(self.bn(self.conv(x)))"),
    "a slice": BASE.replace("x.flatten(1)", "(x * x[:, :1]).flatten(1)"),
    "another slice": BASE.replace("x.flatten(1)", "(x * x[:, 1:2]).flatten(1)"),
    "a constant": BASE.replace("x.flatten(1)", "(x * 2).flatten(1)"),
    "another constant": BASE.replace("x.flatten(1)", "(x * 3).flatten(1)"),
    "a ReLU6": BASE.replace("F.relu", "F.relu6"),
    "a LeakyReLU": BASE.replace("F.relu", "F.leaky_relu"),
    "another LeakyReLU": BASE.replace("F.relu(self.bn(self.conv(x)))", "F.leaky_relu(self.bn(self.conv(x)), 0.0101)"),
    "eps": BASE.replace("2d(8)", "2d(8, eps=1e-6)"),
    "no running statistics": BASE.replace("2d(8)", "2d(8, track_running_stats=False)"),
    "a dropout in training": BASE.replace("F.relu(self.bn", "F.dropout(training=self.training, input=self.bn"),
    "half of a gradient": BASE.replace("x.flatten(1)", "(x / 2 + x.detach() / 2).flatten(1)"),
    "weights by their data": BASE.replace("self.fc =", "self.conv.weight.data.normal_(0, 0.1)\n        self.fc ="),
    "other weights by their data": BASE.replace(
        "self.fc =", "self.conv.weight.data.normal_(0, 0.2)\n        self.fc ="
    ),
    "a weight of ones": BASE.replace("(x.flatten(1))", "(x.flatten(1)) * self.a").replace(
        "self.fc =", "self.a = nn.Parameter(torch.ones(10))\n        self.fc ="
    ),
    "a weight of zeros": BASE.replace("(x.flatten(1))", "(x.flatten(1)) * self.a").replace(
        "self.fc =", "self.a = nn.Parameter(torch.zeros(10))\n        self.fc ="
    ),
    "initial weights": BASE.replace("self.fc =", "nn.init.normal_(self.conv.weight, 0, 0.1)\n        self.fc ="),
    "a group of weights without decay": BASE.replace(
        "net.parameters(), lr",
        "[{'params': net.conv.parameters(), 'weight_decay': 0.1}, "
        "{'params': [*net.bn.parameters(), *net.fc.parameters()]}], lr",
    ),
    "another group": BASE.replace(
        "net.parameters(), lr",
        "[{'params': net.bn.parameters(), 'weight_decay': 0.1}, "
        "{'params': [*net.conv.parameters(), *net.fc.parameters()]}], lr",
    ),
    "learning rate": BASE.replace("lr=0.1", "lr=0.2"),
    "optimizer": BASE.replace("SGD", "Adam"),
    "loss": BASE.replace("CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.1)"),
    "weights of the loss": BASE.replace("CrossEntropyLoss()", "CrossEntropyLoss(torch.ones(10))"),
    "other weights of the loss": BASE.replace("CrossEntropyLoss()", "CrossEntropyLoss(torch.arange(10.0))"),
}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_a_program_that_computes_something_else_has_another_fingerprint(check, text):
    assert check.trace(text).fingerprint != check.trace(BASE).fingerprint


RESIDUAL = program(
    "self.a = nn.Conv2d(1, 8, 3, padding=1)\nself.b = nn.Conv2d(1, 8, 1)\nself.c = nn.Conv2d(1, 8, 3, padding=1)\n"
    "self.fc = nn.Linear(512, 10)",
    "x = F.gelu(self.a(x) + self.b(x)) * self.c(x)\nreturn self.fc(x.flatten(1))",
)


@pytest.mark.parametrize(
    "text",
    [
        RESIDUAL.replace("self.a(x) + self.b(x)", "self.b(x) + self.a(x)"),
        RESIDUAL.replace("self.a(x)", "self.c(x)").replace("* self.c(x)", "* self.a(x)"),
    ],
)
def test_the_order_of_branches_does_not_count(check, text):
    assert text != RESIDUAL
    assert check.trace(text).fingerprint == check.trace(RESIDUAL).fingerprint


@pytest.mark.parametrize(
    "text",
    [
        RESIDUAL.replace("self.a(x) + self.b(x)", "self.a(x) - self.b(x)"),
        RESIDUAL.replace("* self.c(x)", "* self.a(x) + 0 * self.c(x)"),
        RESIDUAL.replace("F.gelu(", "F.gelu(approximate='tanh', input="),
    ],
)
def test_which_branch_is_which_counts(check, text):
    assert check.trace(text).fingerprint != check.trace(RESIDUAL).fingerprint


def test_what_a_loss_reads_beside_its_arguments_counts(check):
    head = HEAD + "K = {}\n\n\ndef scaled(a, b):\n    return K * F.cross_entropy(a, b)\n\n\n"
    lines = "loss = lambda logits, labels: scaled(logits, labels)"
    one, other = (check.trace(with_recipe(lines, head=head.format(k))) for k in (1.0, 2.0))
    assert one.model == other.model
    assert one.fingerprint != other.fingerprint


def test_the_random_numbers_of_the_process_are_left_alone(check):
    torch.manual_seed(3)
    random.seed(3)
    states = torch.get_rng_state(), random.getstate()
    InProcess().trace(program(INIT + "\nself.d = nn.Dropout()", FORWARD.replace("F.relu(", "self.d(")))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_a_program_that_runs_on_meta_tensors_alone_stops(check):
    answer = check(
        program(INIT, FORWARD.replace("F.relu(", "torch.index_select(index=torch.tensor([9] * 8), dim=1, input=")),
        SMALL,
    )
    assert isinstance(answer, Stopped)
    assert answer.stage == "forward"
    assert answer.line == 14


def test_what_a_program_does_in_evaluation_counts(check):
    always, training = (
        program(INIT, FORWARD.replace("x.flatten(1)", f"F.dropout(x.flatten(1), 0.3, {when})"))
        for when in ("True", "self.training")
    )
    assert check.trace(always).fingerprint != check.trace(training).fingerprint
    layer = program(INIT + "\nself.d = nn.Dropout(0.3)", FORWARD.replace("x.flatten(1)", "self.d(x.flatten(1))"))
    assert check.trace(layer).fingerprint == check.trace(training).fingerprint


def test_fingerprints_of_different_programs_differ(check):
    assert len({check.trace(text).fingerprint for text in OTHER.values()}) == len(OTHER)


LR = "torch.optim.lr_scheduler."
V2 = HEAD.replace("from torch import nn\n", "from torch import nn\nfrom torchvision.transforms import v2\n")
RECIPES = [
    [f"scheduler = {LR}StepLR(optimizer, {n})" for n in (5, 6)],
    [f"scheduler = {LR}OneCycleLR(optimizer, 0.1, total_steps=steps, pct_start={p})" for p in (0.2, 0.3)],
    [f"scheduler = {LR}LambdaLR(optimizer, lambda n: 1 / ({k} + n))" for k in (1, 2)],
    [f"scheduler = {LR}ChainedScheduler([{LR}StepLR(optimizer, {n})])" for n in (5, 6)],
    [
        f"scheduler = {LR}SequentialLR(optimizer, [{LR}LinearLR(optimizer, total_iters=5), "
        f"{LR}CosineAnnealingLR(optimizer, T_max={n})], [5])"
        for n in (50, 60)
    ],
    [f"scheduler = {LR}ReduceLROnPlateau(optimizer, factor={f})" for f in (0.1, 0.2)],
    [f"loss = lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing={s})" for s in (0.1, 0.2)],
    [f"augmentation = v2.RandomErasing(p={p})" for p in (0.1, 0.2)],
    [f"augmentation = v2.Compose([v2.RandomErasing(p={p})])" for p in (0.1, 0.2)],
    [f"augmentation = v2.RandomApply([v2.GaussianNoise(sigma={s})])" for s in (0.1, 0.2)],
    [f"augmentation = lambda x: x * {s}" for s in (0.1, 0.2)],
]


@pytest.mark.parametrize("lines", RECIPES, ids=[pair[0] for pair in RECIPES])
def test_settings_of_a_recipe_count(check, lines):
    one, other = (check.trace(with_recipe(line, head=V2)) for line in lines)
    assert one.model == other.model
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == InProcess().trace(with_recipe(lines[0], head=V2)).fingerprint


STOPPED = {
    "syntax": ("class Net(:\n", "parse", "syntax error", 1),
    "nesting": ("-" * 100_000 + "1", "parse", "syntax error", 0),
    "no Net": ("x = 1\n", "build", "undefined name", 0),
    "no module": ("class Net:\n    pass\n", "build", "not a module", 0),
    "arguments": (program(INIT, FORWARD).replace("__init__(self)", "__init__(self, a)"), "build", "wrong arguments", 0),
    "an undefined name": (program("self.a = b", "return x"), "build", "undefined name", 9),
    "an undefined layer": (program("self.a = nn.Convolution()", "return x"), "build", "missing attribute", 9),
    "an import": ("import does_not_exist_at_all\n", "build", "import", 1),
    "an exit": ("raise SystemExit(0)\n", "build", "SystemExit", 1),
    "sys.exit": ("import sys\nsys.exit()\n", "build", "SystemExit", 2),
    "an interrupt": ("raise KeyboardInterrupt\n", "build", "KeyboardInterrupt", 1),
    "an error of its own": ("class E(BaseException):\n    pass\nraise E\n", "build", "E", 3),
    "too large": (program("self.a = nn.Linear(100_000, 100_000)", "return x"), "build", "too large", 0),
    "recursion": (program("self.a = 1", "return self.forward(x)"), "forward", "recursion", 0),
    "an error in forward": (program(INIT, "raise ValueError('no')"), "forward", "wrong value", 14),
    "a shape": (program(INIT, "return x @ x.flatten(1)"), "forward", "shape", 14),
    "no tensor": (program(INIT, "return 3"), "forward", "output is no tensor", 0),
    "no parameters": (program(INIT, "return x"), "forward", "no gradient", 0),
    "a layer in forward": (
        program(INIT, "return nn.Linear(64, 10)(x.flatten(1))"), "forward", "builds a layer in forward", 0
    ),
    "a parameter in forward": (
        program(INIT, "return self.fc(self.bn(self.conv(x)).flatten(1)) * nn.Parameter(torch.ones(10))"),
        "forward", "builds a weight in forward", 0,
    ),
    "a parameter registered in forward": (
        program(INIT, "self.a = nn.Parameter(torch.ones(1))\nreturn self.fc(self.conv(x).flatten(1)) * self.a"),
        "forward", "builds a layer in forward", 0,
    ),
    "weights drawn in forward": (
        program(INIT, "x = self.bn(self.conv(x)).flatten(1)\nreturn F.linear(x, 0.1 * torch.randn(10, 512))"),
        "forward", "builds a weight in forward", 0,
    ),
    "weights drawn like others": (
        program(INIT, "x = self.conv(x).flatten(1)\nreturn self.fc(x) + x @ torch.rand_like(self.fc.weight).T"),
        "forward", "builds a weight in forward", 0,
    ),
    "five dimensions": (program(INIT, "return self.conv(x)[None]"), "forward", "output shape", 0),
    "no recipe": (program(INIT, FORWARD, recipe=""), "recipe", "no recipe", 0),
    "three parts": (with_recipe(parts="optimizer, None, loss"), "recipe", "not four parts", 0),
    "no optimizer": (with_recipe("optimizer = None"), "recipe", "no optimizer", 0),
    "an undefined name in the recipe": (with_recipe("loss = nn.NoLoss()"), "recipe", "missing attribute", 0),
    "a loss per sample": (
        with_recipe("loss = nn.CrossEntropyLoss(reduction='none')"), "recipe", "loss is no scalar", 0
    ),
    "a loss of nothing": (with_recipe("loss = lambda a, b: torch.zeros(())"), "recipe", "no gradient", 0),
    "parameters left out": (
        with_recipe("optimizer = torch.optim.SGD([net.fc.weight], lr=0.1)"),
        "recipe",
        "parameters left out",
        0,
    ),
    "an augmentation that crops": (
        with_recipe("augmentation = lambda x: x[:, :, 1:]"),
        "recipe",
        "wrong augmentation",
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "stage", "reason", "line"), STOPPED.values(), ids=STOPPED)
def test_says_why_a_program_stopped(check, text, stage, reason, line):
    answer = check(text, SMALL)
    assert isinstance(answer, Stopped)
    assert (answer.stage, answer.reason) == (stage, reason)
    assert not line or answer.line == line


def test_prints_of_a_program_stay_inside(check, capfd):
    check.trace(
        "import sys\nprint('loud')\nprint('louder', file=sys.stderr)\n"
        + sequential("nn.Flatten()", "nn.Linear(64, 10)")
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("line", ["torch.set_grad_enabled(False)", "torch.set_default_dtype(torch.float64)"])
def test_a_program_leaves_nothing_to_the_next(line):
    check = InProcess()
    before = check.trace(BASE)
    check(HEAD + line + "\n", SMALL)
    check(BASE.replace("class Net", f"{line}\n\n\nclass Net"), SMALL)
    assert InProcess().trace(BASE) == before


def test_a_method_that_a_class_overloads_may_stand_at_another_line_in_the_next_program(check):
    overload = "    @torch.jit._overload_method\n    def forward(self, x):\n        pass\n\n    def forward("
    texts = [
        program(INIT, FORWARD, head=HEAD + extra).replace("    def forward(", overload) for extra in ("", "A = 1\n")
    ]
    assert [check.trace(text).num_params for text in texts] == [5226, 5226]


@pytest.mark.parametrize("name", SEEDS)
def test_a_trace_is_the_same_each_time(check, name):
    task = Task((1, 28, 28), 10)
    answer = check(SEEDS[name], task)
    assert isinstance(answer, Trace)
    assert InProcess()(SEEDS[name], task) == answer


@pytest.mark.parametrize(
    ("symbol", "first"),
    [
        ("torch.nn.Conv2d", ("in_channels", True)),
        ("torch.nn.functional.relu", ("input", True)),
        ("torch.optim.SGD", ("params", True)),
        ("torchvision.transforms.v2.RandomErasing", ("p", False)),
    ],
)
def test_knows_signatures(check, symbol, first):
    assert check.signature(symbol)[0] == first


@pytest.mark.parametrize("symbol", ["torch.nn.Missing", "os.remove", "torch.", ""])
def test_knows_no_other_signatures(check, symbol):
    assert check.signature(symbol) is None


@pytest.mark.parametrize(
    ("symbol", "counterpart"),
    [
        ("torch.nn.functional.relu", "torch.nn.ReLU"),
        ("torch.relu", "torch.nn.ReLU"),
        ("torch.nn.MaxPool2d", "torch.nn.functional.max_pool2d"),
        ("torch.nn.Flatten", None),
    ],
)
def test_knows_which_layer_does_what_a_function_does(check, symbol, counterpart):
    assert check.counterpart(symbol) == counterpart


@pytest.mark.parametrize("expression", ["x ** 2", "2 ** x", "x.pow(2)", "x % 3", "1 - x", "x / 2 + x @ x.T @ x"])
def test_operators_are_recorded_like_functions(check, expression):
    trace = check.trace(program("self.fc = nn.Linear(64, 10)", f"x = self.fc(x.flatten(1))\nreturn {expression}"))
    assert not trace.fixes


WEIGHT = {
    "a plain tensor": "self.w = torch.zeros(8, 1, 1, requires_grad=True)",
    "in a list": "self.w = [nn.Parameter(torch.zeros(8, 1, 1))]",
    "a trained buffer": "self.register_buffer('w', torch.zeros(8, 1, 1, requires_grad=True))",
}


@pytest.mark.parametrize("line", WEIGHT.values(), ids=WEIGHT)
def test_weights_that_are_no_parameters_count(check, line):
    added = FORWARD.replace("self.conv(x)", "self.conv(x) + " + ("self.w[0]" if "[" in line else "self.w"))
    assert (
        check.trace(program(f"{INIT}\n{line}", added)).num_params == check.trace(program(INIT, FORWARD)).num_params + 8
    )
