"""Pairs of small programs that differ in one thing alone, and pairs that differ in spelling alone, kind by kind.

A pair is two replacements of one marker in one program: `# network` in `__init__`, `# forward` before the last line,
`# module` at the top, `# recipe` before the recipe's return.
"""

PROGRAM = """import functools

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.transforms import v2

# module


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.third = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(512, 10)
        # network

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.relu(self.third(F.relu(self.second(x))))
        x = self.norm(x)
        # forward
        return self.fc(x.flatten(1))


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scheduler = None
    loss = nn.CrossEntropyLoss()
    augmentation = None
    # recipe
    return optimizer, scheduler, loss, augmentation
"""
LR = "torch.optim.lr_scheduler."
OWN_LOSS = """class Loss(nn.Module):
    def forward(self, logits, labels):
        return F.cross_entropy(logits, labels){}
"""
OWN_SGD = """class Own(torch.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad, alpha={})
"""
BASE_LOSS = """class Base(nn.Module):
    scale = 1.0

    def forward(self, logits, labels):
        return scaled(F.cross_entropy(logits, labels), {}) * self.scale


class Loss(Base):
    {}


def scaled(value, by):
    return value * by
"""
TURN = """TURN = v2.RandomRotation({})


def turned(image):
    return TURN(image)
"""
OWN_TURN = """class Turned:
    def __init__(self, by):
        self.by = by

    def __call__(self, image):
        return image.roll(self.by, {})
"""
OWN_SCHEDULER = """class Decay({}LRScheduler):
    def get_lr(self):
        return [base * {} ** self.last_epoch for base in self.base_lrs]
"""
GROUPS = """optimizer = torch.optim.SGD([
        {{"params": [net.{}.weight], "weight_decay": 0.1}},
        {{"params": [p for n, p in net.named_parameters() if n != "{}.weight"]}},
    ], lr=0.1)"""
SWISH = """class Act(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * {}
"""

#: marker -> name -> (one, other); dictionaries give several markers at once
DIFFERENT = {
    "a schedule that starts late": ("recipe", f"scheduler = {LR}StepLR(optimizer, {{}})", ("1000", "2000")),
    "a period of the training's length": (
        "recipe", f"scheduler = {LR}CosineAnnealingLR(optimizer, T_max={{}})", ("steps", "61")
    ),
    "a period of another length": (
        "recipe", f"scheduler = {LR}CosineAnnealingLR(optimizer, T_max={{}})", ("steps", "997")
    ),
    "half of the training": ("recipe", f"scheduler = {LR}StepLR(optimizer, {{}})", ("steps // 2", "steps - 31")),
    "a capped warm-up": (
        "recipe", f"scheduler = {LR}LinearLR(optimizer, total_iters={{}})", ("min(500, steps // 10)", "500")
    ),
    "milestones": (
        "recipe", f"scheduler = {LR}MultiStepLR(optimizer, [{{}}])", ("steps // 2, steps - 5", "steps // 2, steps - 4")
    ),
    "a late branch of a lambda": (
        "recipe", f"scheduler = {LR}LambdaLR(optimizer, lambda n: 1 if n < {{}} else 0.1)", ("1000", "2000")
    ),
    "a default of a lambda": (
        "recipe", f"scheduler = {LR}LambdaLR(optimizer, lambda n, k={{}}: 1 if n < k else 0.1)", ("1000", "2000")
    ),
    "a partial": (
        "recipe",
        f"scheduler = {LR}LambdaLR(optimizer, functools.partial(lambda n, k: 1 if n < k else 0.1, k={{}}))",
        ("1000", "2000"),
    ),
    "a schedule of its own class": (
        ("module", "recipe"), (OWN_SCHEDULER.replace("{}", LR, 1), "scheduler = Decay(optimizer)"), ("0.5", "0.6")
    ),
    "a loss of its own": (("module", "recipe"), (OWN_LOSS, "loss = Loss()"), (" * 2", " * 3")),
    "a loss that adds": (("module", "recipe"), (OWN_LOSS, "loss = Loss()"), (" + 1", " - 1")),
    "an attribute of a class": (
        ("module", "recipe"), (BASE_LOSS.replace("{}", "2", 1), "loss = Loss()"), ("scale = 2.0", "scale = 3.0")
    ),
    "a base class": (
        ("module", "recipe"), (BASE_LOSS.replace("    {}\n", "    scale = 2.0\n"), "loss = Loss()"), ("2", "3")
    ),
    "a function that a method calls": (
        ("module", "recipe"),
        (BASE_LOSS.replace("{}", "2").replace("    2\n", "    scale = 2.0\n").replace("value * by", "value * by {}"),
         "loss = Loss()"),
        ("* 1.5", "+ 1.5"),
    ),
    "an attribute of an object": (
        ("module", "recipe"), (OWN_LOSS.format(" * self.by"), "loss = Loss()\n    loss.by = {}"), ("2", "3")
    ),
    "an optimizer of its own": (
        ("module", "recipe"), (OWN_SGD, "optimizer = Own(net.parameters(), lr=0.1)"), ("-0.1", "-0.2")
    ),
    "a transform of the module": (("module", "recipe"), (TURN, "augmentation = turned"), ("10", "20")),
    "a transform of its own class": (
        ("module", "recipe"), (OWN_TURN, "augmentation = v2.Compose([Turned(1)])"), ("-1", "-2")
    ),
    "a setting of that": (
        ("module", "recipe"), (OWN_TURN.format("-1"), "augmentation = v2.Compose([Turned({})])"), ("1", "2")
    ),
    "a constant of the module": (
        ("module", "recipe"),
        ("SMOOTH = {}", "loss = lambda a, b: F.cross_entropy(a, b, label_smoothing=SMOOTH)"),
        ("0.1", "0.2"),
    ),
    "a table of the module": (
        ("module", "recipe"),
        ("TABLE = {{'a': {}}}", "loss = lambda a, b: F.cross_entropy(a, b, label_smoothing=TABLE['a'])"),
        ("0.1", "0.2"),
    ),
    "a function of functions": (
        ("module", "recipe"),
        ("def made(by):\n    return lambda a, b: F.cross_entropy(a, b) * by", "loss = made({})"),
        ("2", "3"),
    ),
    "a keyword's default": (
        ("module", "recipe"),
        ("def own(a, b, *, by={}):\n    return F.cross_entropy(a, b) * by", "loss = own"),
        ("2", "3"),
    ),
    "weights of classes": (
        "recipe", "loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0] * 9 + [{}]))", ("2.0", "3.0")
    ),
    "a bool of an optimizer": (
        "recipe", "optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov={})", ("True", "False")
    ),
    "None and a number": (
        "recipe", "augmentation = v2.RandomErasing(value={})", ("0", "'random'")
    ),
    "weight decay of one of two equal layers": ("recipe", GROUPS, ("second", "third")),
    "frozen by the recipe": ("recipe", "net.{}.weight.requires_grad_(False)", ("second", "third")),
    "frozen or not": ("recipe", "{}", ("net.second.weight.requires_grad_(False)", "pass")),
    "started by the recipe": ("recipe", "nn.init.zeros_(net.{}.weight)", ("second", "third")),
    "initial values swapped": (
        "network",
        "nn.init.zeros_(self.{}.bias)\n        nn.init.ones_(self.{}.bias)",
        (("second", "third"), ("third", "second")),
    ),
    "the size of initial values": ("network", "nn.init.normal_(self.second.weight, 0, {})", ("0.1", "0.2")),
    "an initial value": ("network", "nn.init.constant_(self.second.bias, {})", ("1", "2")),
    "an initial value by data": ("network", "self.second.bias.data[:] = torch.tensor([{}] * 8)", ("1.0", "2.0")),
    "which of two is frozen": ("network", "self.{}.weight.requires_grad_(False)", ("second", "third")),
    "a limit never reached": ("forward", "x = torch.clamp(x, 0, {})", ("500", "2000")),
    "a limit of floats": ("forward", "x = torch.clamp(x, 0, {})", ("500.0", "2000.0")),
    "one side of a limit": ("forward", "x = x.clamp(max={})", ("500", "2000")),
    "a limit of a layer": ("forward", "x = nn.Hardtanh({}, 1000)(x)", ("-500", "-2000")),
    "a threshold": ("forward", "x = F.softplus(x, 1, {})", ("200", "300")),
    "a comparison": ("forward", "x = torch.where(x > {}, 0 * x, x)", ("500", "2000")),
    "a limit as a tensor": ("forward", "x = torch.minimum(x, torch.tensor({}))", ("500.0", "2000.0")),
    "a masked value": ("forward", "x = x.masked_fill(x > 500, {})", ("3", "4")),
    "a constant of a buffer": (
        ("network", "forward"),
        ("self.register_buffer('limit', torch.tensor({}))", "x = x.minimum(self.limit)"),
        ("500.0", "900.0"),
    ),
    "a slice": ("forward", "x = torch.cat([x[:, {}:], x[:, :{}]], 1)", (("2", "2"), ("3", "3"))),
    "without gradient": ("forward", "{}", ("x = x + x.detach()", "x = x + x")),
    "under no_grad": (
        "forward",
        "{}",
        ("with torch.no_grad():\n            y = x * 2\n        x = x + y", "y = x * 2\n        x = x + y"),
    ),
    "rounded types": ("forward", "{}", ("x = x.bfloat16().float()", "x = x.half().float()")),
    "statistics in evaluation": (
        "forward",
        "x = F.batch_norm(x, self.norm.running_mean, self.norm.running_var, training={})",
        ("True", "self.training"),
    ),
    "a branch of training": ("forward", "x = x * 2 if self.training else x * {}", ("2", "3")),
    "a backward pass of its own": (("module", "forward"), (SWISH, "x = Act.apply(x)"), ("2", "3")),
    "an unused dense layer": ("network", "{}", ("self.extra = nn.Linear(500, 500)", "pass")),
    "the size of one": ("network", "self.extra = nn.Linear(500, {})", ("500", "400")),
    "an unused parameter": ("network", "{}", ("self.extra = nn.Parameter(torch.zeros(500))", "pass")),
    "a result that is not used": ("forward", "{}", ("y = x.mul_(2)", "pass")),
}  # fmt: skip

EQUAL = {
    "a float and an int for one limit": ("forward", "x = torch.clamp(x, 0, {})", ("500", "500.0")),
    "a constant by name": (
        ("module", "recipe"), ("RATE = 0.2", "optimizer = torch.optim.SGD(net.parameters(), lr={})"), ("0.2", "RATE")
    ),
    "half of the training, spelled": (
        "recipe", f"scheduler = {LR}StepLR(optimizer, {{}})", ("steps // 2", "int(steps / 2)")
    ),
    "names of a lambda": (
        "recipe", f"scheduler = {LR}LambdaLR(optimizer, lambda {{}})", ("n: 1 / (1 + n)", "epoch: 1 / (1 + epoch)")
    ),
    "the name of an own class": (
        ("module", "recipe"),
        (OWN_LOSS.format(" * 2").replace("class Loss", "class {}"), "loss = {}()"),
        (("Loss", "Loss"), ("Criterion", "Criterion")),
    ),
    "an unused activation": ("network", "{}", ("self.extra = nn.ReLU()", "pass")),
    "an unused name": ("forward", "{}", ("y = x + 1", "pass")),
    "an own class in other lines": (
        ("module", "recipe"),
        (OWN_LOSS, "loss = Loss()"),
        (" * 2", " * 2  # twice"),
    ),
    "one group or all parameters": (
        "recipe",
        "optimizer = torch.optim.SGD({}, lr=0.1)",
        ("net.parameters()", "[{'params': list(net.parameters())}]"),
    ),
    "initial values in another order": (
        "network", "nn.init.{}_(self.{}.bias)\n        nn.init.{}_(self.{}.bias)",
        (("ones", "second", "zeros", "third"), ("zeros", "third", "ones", "second")),
    ),
}  # fmt: skip


def texts(kind: tuple) -> tuple[str, str]:
    """Both programs of a pair."""
    markers, templates, values = kind
    if isinstance(markers, str):
        markers, templates = (markers,), (templates,)
    one, other = (_filled(markers, templates, value if isinstance(value, tuple) else (value,)) for value in values)
    return one, other


def _filled(markers: tuple[str, ...], templates: tuple[str, ...], values: tuple[str, ...]) -> str:
    """The program with one template at each marker; `values` go through the braces of all of them in turn."""
    text, left = PROGRAM, list(values)
    for marker, template in zip(markers, templates, strict=True):
        count = len(template.replace("{{", "").split("{}")) - 1
        given, left = (left[:count], left[count:]) if len(left) > 1 else (left * count, left)
        text = text.replace(f"# {marker}", template.format(*given), 1)
    return text
