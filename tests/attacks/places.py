"""Programs that mean harm, found by going through the places of the syntax and the methods of torch one by one.

Each tries to keep something from one image to the next, and is the plain program with one thing changed.
"""

# ruff: noqa: E501 - one attack a line reads as a table
from tests.attacks.programs import program

KEPT = "self.seen = [0]"
COPY = "import copy"

#: By kind and name: the rule that must be among those that refuse it, and the program.
PLACES = {
    # Places where an expression seldom stands, each of which is evaluated.
    "place/argument annotation": (
        "state",
        program(init=KEPT, forward="def g(a: self.seen.append(x)):\n    return a\n"),
    ),
    "place/result annotation": (
        "state",
        program(init=KEPT, forward="def g(a) -> self.seen.append(x):\n    return a\n"),
    ),
    "place/target without a value": ("state", program(init=KEPT, forward="self.seen.append(x).y: int")),
    "place/element without a value": ("state", program(init=KEPT, forward="self.seen[self.seen.append(x) or 0]: int")),
    "place/annotation in a class": ("state", program(init=KEPT, forward="class A:\n    y: self.seen.append(x)\n")),
    "place/annotation in a class by a subscript": (
        "state",
        program(init=KEPT, forward="class A:\n    y: [self.seen.append(x)][0] = 1\n"),
    ),
    "place/cause of an exception": (
        "state",
        program(
            init=KEPT, forward="try:\n    raise ValueError() from self.seen.append(x)\nexcept TypeError:\n    pass\n"
        ),
    ),
    "place/argument of an exception": (
        "state",
        program(init=KEPT, forward="try:\n    raise ValueError(self.seen.append(x))\nexcept ValueError:\n    pass\n"),
    ),
    "place/assertion": ("state", program(init=KEPT, forward="assert self.seen.append(x) is None\n")),
    "place/assertion's message": ("state", program(init=KEPT, forward="assert len(self.seen), self.seen.append(x)\n")),
    "place/stretch": ("state", program(init=KEPT, forward="y = x[: self.seen.append(x)]\n")),
    "place/text in a text": ("state", program(init=KEPT, forward="y = f\"{f'{self.seen.append(x)}'}\"\n")),
    "place/key": ("state", program(init=KEPT, forward="y = {self.seen.append(x): 1}\n")),
    "place/condition of a comprehension": (
        "state",
        program(init=KEPT, forward="y = [0 for _ in [0] if self.seen.append(x)]\n"),
    ),
    "place/target of a comprehension": ("state", program(init=KEPT, forward="y = [0 for self.seen[0] in [x]]\n")),
    "place/target in a target": (
        "state",
        program(init=KEPT, forward="for a, (self.seen[0], b) in [(1, (x, 2))]:\n    pass\n"),
    ),
    "place/starred target": ("state", program(init=KEPT, forward="a, *self.seen[0:] = [1, x]\n")),
    "place/context": ("state", program(init=KEPT, forward="with torch.no_grad(self.seen.append(x)):\n    pass\n")),
    "place/context's setting": (
        "state",
        program(init=KEPT, forward="with torch.autocast('cpu', enabled=False, dtype=self.seen.append(x)):\n    pass\n"),
    ),
    "place/decorator's argument": (
        "state",
        program(init=KEPT, forward="@torch.no_grad(self.seen.append(x))\ndef g(a):\n    return a\n"),
    ),
    "place/at the end": (
        "state",
        program(init=KEPT, forward="try:\n    x = x + 1\nfinally:\n    self.seen.append(x)\n"),
    ),
    "place/behind a loop": (
        "state",
        program(init=KEPT, forward="for a in [1]:\n    pass\nelse:\n    self.seen.append(x)\n"),
    ),
    "place/behind two ends": (
        "state",
        program(
            init=KEPT,
            forward="try:\n    if len(self.seen):\n        raise ValueError()\n    else:\n        raise KeyError()\nexcept (ValueError, KeyError):\n    self.seen.append(x)\n",
        ),
    ),
    "place/keyword by two stars": (
        "kept tensor",
        program(init="self.kept = torch.zeros(1)", forward="y = torch.add(x[0, 0], 1, **{'out': self.kept})\n"),
    ),
    # A test that seems to say that what is changed is something else.
    "asked/no layer": (
        "state",
        program(init=KEPT, forward="y = self.seen\nif isinstance(y, nn.ReLU):\n    pass\nelse:\n    y.append(x)\n"),
    ),
    "asked/no list": (
        "state",
        program(
            init=KEPT, forward="y = self.seen\nif not isinstance(y, (list, tuple)):\n    pass\nelse:\n    y.append(x)\n"
        ),
    ),
    "asked/a class and a list": (
        "state",
        program(
            top="class R:\n    pass\n",
            init=KEPT,
            forward="y = self.seen\nif isinstance(y, (R, list)):\n    y.append(x)\n",
        ),
    ),
    "asked/by or": (
        "state",
        program(
            init=KEPT, forward="y = self.seen\nif isinstance(y, nn.ReLU) or isinstance(y, list):\n    y.append(x)\n"
        ),
    ),
    "asked/number that is a list": (
        "state",
        program(init=KEPT, forward="y = self.seen\nif not isinstance(y, int):\n    y.append(x)\n"),
    ),
    "asked/function": (
        "state",
        program(
            top="from inspect import isfunction",
            init=KEPT,
            forward="y = self.seen\nif not isfunction(y):\n    y.append(x)\n",
        ),
    ),
    # What a copy has in common with what it is a copy of.
    "shared/layers of a copy": (
        "state",
        program(top=COPY, init="self.b = nn.ModuleList([nn.ReLU()])", forward="copy.copy(self.b).append(nn.ReLU())\n"),
    ),
    "shared/table of a copy": (
        "state",
        program(
            top=COPY,
            init="self.b = nn.ModuleDict({'a': nn.ReLU()})",
            forward="copy.copy(self.b).update({f'{len(self.b)}': nn.ReLU()})\n",
        ),
    ),
    "shared/list of a copy": (
        "state",
        program(
            top=COPY,
            init="self.seen = []\nself.child = nn.ReLU()\nself.child.kept = self.seen",
            forward="copy.copy(self.child).kept.append(x)\n",
        ),
    ),
    "shared/copy of itself": ("state", program(top=COPY, init=KEPT, forward="copy.copy(self).seen.append(x)\n")),
    "shared/copy of a list in a list": (
        "state",
        program(top=COPY, init="self.seen = [[0]]", forward="copy.copy(self.seen)[0].append(x)\n"),
    ),
    # Lists, tables and chains of layers, changed in place.
    "layers/doubled": ("state", program(init="self.s = nn.Sequential(nn.ReLU())", forward="s = self.s\ns *= 2\n")),
    "layers/grown": (
        "state",
        program(init="self.s = nn.Sequential(nn.ReLU())", forward="s = self.s\ns += nn.Sequential(nn.ReLU())\n"),
    ),
    "layers/list grown": (
        "state",
        program(init="self.s = nn.ModuleList([nn.ReLU()])", forward="s = self.s\ns += [nn.ReLU()]\n"),
    ),
    "layers/table set": (
        "state",
        program(init="self.d = nn.ModuleDict({'a': nn.ReLU()})", forward="self.d['b'] = nn.ReLU()\n"),
    ),
    "layers/table cleared": (
        "state",
        program(init="self.d = nn.ModuleDict({'a': nn.ReLU()})", forward="self.d.clear()\n"),
    ),
    "layers/parameters popped": (
        "state",
        program(init="self.d = nn.ParameterDict({'a': nn.Parameter(torch.zeros(1))})", forward="self.d.popitem()\n"),
    ),
    "layers/parameters by default": (
        "state",
        program(
            init="self.d = nn.ParameterDict({'a': nn.Parameter(torch.zeros(1))})", forward="self.d.setdefault('b', x)\n"
        ),
    ),
    "layers/parameters by or": (
        "state",
        program(
            init="self.d = nn.ParameterDict({'a': nn.Parameter(torch.zeros(1))})", forward="d = self.d\nd |= {'b': x}\n"
        ),
    ),
    "layers/parameters extended": (
        "state",
        program(init="self.d = nn.ParameterList([nn.Parameter(torch.zeros(1))])", forward="self.d.extend([x])\n"),
    ),
    "layers/deleted": (
        "state",
        program(init="self.s = nn.Sequential(nn.ReLU(), nn.ReLU())", forward="del self.s[0]\n"),
    ),
    "layers/insert": (
        "state",
        program(init="self.s = nn.Sequential(nn.ReLU(), nn.ReLU())", forward="self.s.insert(0, nn.ReLU())\n"),
    ),
    "layers/of a module read": (
        "state",
        program(init="self.s = nn.Sequential(nn.ReLU())", forward="for m in self.modules():\n    m.kept = x\n"),
    ),
    # A mark that is no value: the shape, the name, the type or the mode of what is kept.
    "marks/requires_grad_": ("state", program(forward="self.layer.requires_grad_(False)\n")),
    "marks/requires_grad_ of a weight": (
        "state",
        program(forward="self.layer.weight.requires_grad_(not self.layer.weight.requires_grad)\n"),
    ),
    "marks/shape of a weight": (
        "state",
        program(init="self.w = nn.Parameter(torch.zeros(1))", forward="self.w.unsqueeze_(0)\n"),
    ),
    "marks/names of a weight": (
        "state",
        program(init="self.w = nn.Parameter(torch.zeros(1))", forward="self.w.rename_('a')\n"),
    ),
    "marks/turned weight": ("state", program(init="self.w = nn.Parameter(torch.zeros(1, 2))", forward="self.w.t_()\n")),
    "marks/detached weight": (
        "state",
        program(init="self.w = nn.Parameter(torch.zeros(1, 2))", forward="self.w.detach_()\n"),
    ),
    "marks/shape of a buffer": (
        "state",
        program(init="self.register_buffer('w', torch.zeros(1))", forward="self.w.unsqueeze_(0)\n"),
    ),
    "marks/weight norm": (
        "state",
        program(top="from torch.nn.utils.parametrizations import weight_norm", forward="weight_norm(self.layer)\n"),
    ),
    "marks/spectral norm": (
        "state",
        program(top="from torch.nn.utils import spectral_norm", forward="spectral_norm(self.layer)\n"),
    ),
    "marks/orthogonal": (
        "state",
        program(top="from torch.nn.utils.parametrizations import orthogonal", forward="orthogonal(self.layer)\n"),
    ),
    "marks/type of a layer": ("state", program(forward="self.layer.to(torch.float64)\n")),
    "marks/memory of a layer": ("state", program(forward="self.layer.to(memory_format=torch.channels_last)\n")),
    "marks/device": ("state", program(forward="self.layer.to('meta')\n")),
    "marks/uninitialised": (
        "state",
        program(init="self.p = nn.UninitializedParameter()", forward="self.p.materialize((1,))\n"),
    ),
    "marks/reset": ("state", program(forward="self.layer.reset_parameters()\n")),
    "marks/apply": ("state", program(forward="self.apply(lambda m: m.requires_grad_(False))\n")),
    "marks/buffer over": (
        "state",
        program(init="self.register_buffer('a', torch.zeros(1))", forward="self.register_buffer('a', x)"),
    ),
    # Around what prints.
    "out/filter": ("name", program(top="import warnings", forward="warnings.simplefilter('error')\n")),
    "out/repr": (
        "override",
        program(
            members="def extra_repr(self):\n    return self.seen.append(1)\n", init=KEPT, forward="y = f'{self!r}'\n"
        ),
    ),
    # What torch calls of a derivative and of what a recipe returns.
    "derivative/jvp": (
        "state",
        program(
            top="class D(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, kept):\n        return x\n    @staticmethod\n    def backward(ctx, g):\n        return g, None\n    @staticmethod\n    def setup_context(ctx, inputs, output):\n        inputs[1].append(1)\n",
            init=KEPT,
            forward="x = D.apply(x, self.seen)\n",
        ),
    ),
    "augment/compose": (
        "state",
        program(
            top="from torchvision.transforms import v2", recipe="seen = []\naugmentation = v2.Compose([seen.append])\n"
        ),
    ),
    "augment/labels": (
        "state",
        program(
            top="from torchvision.transforms import v2",
            recipe="seen = []\naugmentation = v2.SanitizeBoundingBoxes(labels_getter=seen.append)\n",
        ),
    ),
    "augment/mixup's labels": (
        "state",
        program(
            top="from torchvision.transforms import v2",
            recipe="seen = []\naugmentation = v2.MixUp(num_classes=10, labels_getter=lambda s: seen.append(s) or s[1])\n",
        ),
    ),
    "augment/choice": (
        "state",
        program(
            top="from torchvision.transforms import v2",
            recipe="seen = []\naugmentation = v2.RandomChoice([v2.Identity(), lambda a: seen.append(a) or a])\n",
        ),
    ),
    "schedule/cyclic": (
        "state",
        program(
            recipe="seen = []\nscheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.2, scale_fn=lambda n: seen.append(n) or 1.0)\n"
        ),
    ),
    "schedule/network": (
        "state",
        program(
            recipe="scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: float(net.layer.requires_grad_(n % 2 == 0).bias.sum()))\n"
        ),
    ),
    "loss/network": (
        "state",
        program(
            top="class L(nn.Module):\n    def __init__(self, net):\n        super().__init__()\n        self.net = net\n    def forward(self, a, b):\n        self.net.layer.requires_grad_(False)\n        return F.cross_entropy(a, b)\n",
            recipe="loss = L(net)\n",
        ),
    ),
}
