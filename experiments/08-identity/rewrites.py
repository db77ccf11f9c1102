"""Mechanical rewrites that leave a program's meaning alone, and changes that do not."""

import ast
import re
from collections.abc import Callable

Rewrite = Callable[[str], str]


def _tree(transformer: ast.NodeTransformer) -> Rewrite:
    return lambda text: ast.unparse(ast.fix_missing_locations(transformer.visit(ast.parse(text))))


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


class _RenameAttributes(ast.NodeTransformer):
    """Attributes that constructors set to what is built there get other names."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        sets = [n for n in ast.walk(node) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
        self.names = {t.attr for n in sets for t in n.targets if _is_self(t)}
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if _is_self(node) and node.attr in self.names:
            node.attr = f"own_{node.attr}"
        return node


class _ReverseDefinitions(ast.NodeTransformer):
    """Runs of `self.x = nn.Layer(...)` are defined in the opposite order."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        body: list[ast.stmt] = []
        run: list[ast.stmt] = []
        for statement in node.body:
            if _builds_a_layer(statement):
                run.append(statement)
            else:
                body, run = [*body, *reversed(run), statement], []
        node.body = [*body, *reversed(run)]
        return node


def _builds_a_layer(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign) or not _is_self(statement.targets[0]):
        return False
    value = statement.value
    layer = isinstance(value, ast.Call) and ast.unparse(value.func).startswith(("nn.", "Block"))
    return layer and "self." not in ast.unparse(value) and "*" not in ast.unparse(value)


class _SwapSums(ast.NodeTransformer):
    """`a + b` and `a * b` of what forward computes change sides."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self.generic_visit(node) if "forward" in node.name else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Mult)) and not isinstance(node.left, (ast.Constant, ast.List)):
            node.left, node.right = node.right, node.left
        return node


class _SplitLines(ast.NodeTransformer):
    """`x = f(g(x))` in forward becomes two lines."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if "forward" in node.name:
            node.body = [part for statement in node.body for part in self._split(statement)]
        return node

    def _split(self, statement: ast.stmt) -> list[ast.stmt]:
        value = getattr(statement, "value", None)
        if isinstance(statement, (ast.Assign, ast.Return)) and isinstance(value, ast.Call) and value.args:
            inner = value.args[0]
            if isinstance(inner, ast.Call):
                value.args[0] = ast.Name("between", ast.Load())
                first = ast.Assign([ast.Name("between", ast.Store())], inner)
                return [*self._split(first), statement]
        return [statement]


class _Wrap(ast.NodeTransformer):
    """The input of every forward passes through `code`, an expression of `x`, first."""

    def __init__(self, code: str) -> None:
        self.code = code

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name == "forward" and len(node.args.args) == 2:
            name = node.args.args[1].arg
            line = ast.parse(f"{name} = {self.code.replace('x', name) if name != 'x' else self.code}").body[0]
            node.body = [line, *node.body]
        return node


NAMES = {
    "Conv2d": ["in_channels", "out_channels", "kernel_size", "stride", "padding"],
    "Linear": ["in_features", "out_features"],
    "MaxPool2d": ["kernel_size"],
    "BatchNorm2d": ["num_features"],
    "Dropout": ["p"],
}
DEFAULTS = {"Conv2d": "groups=1", "BatchNorm2d": "eps=1e-05", "Linear": "bias=True", "MaxPool2d": "dilation=1"}


class _Keywords(ast.NodeTransformer):
    """Positional arguments of convolutions and dense layers are given by name, and defaults are spelled out."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        given = {k.arg for k in node.keywords}
        if name in NAMES and None not in given and not any(isinstance(a, ast.Starred) for a in node.args):
            node.keywords += [ast.keyword(n, a) for n, a in zip(NAMES[name], node.args, strict=False)]
            node.args = []
            default = DEFAULTS.get(name, "")
            if default and default.partition("=")[0] not in given:
                node.keywords.append(
                    ast.keyword(default.partition("=")[0], ast.parse(default.partition("=")[2]).body[0].value)
                )
        return node


def _sub(pattern: str, replacement: str, count: int = 0) -> Rewrite:
    return lambda text: re.sub(pattern, replacement, text, count=count)


EQUAL: dict[str, Rewrite] = {
    "attributes renamed": _tree(_RenameAttributes()),
    "definitions reordered": _tree(_ReverseDefinitions()),
    "operands swapped": _tree(_SwapSums()),
    "lines split": _tree(_SplitLines()),
    "arguments by name": _tree(_Keywords()),
    "identity in front": _tree(_Wrap("nn.Identity.forward(None, x)")),
    "dropout of nothing": _tree(_Wrap("nn.functional.dropout(x, 0.0)")),
    "times one": _tree(_Wrap("x * 1")),
    "viewed as it is": _tree(_Wrap("x.reshape(x.size())")),
    "relu twice": _sub(r"nn\.ReLU\((inplace=True)?\)", r"nn.Sequential(nn.ReLU(), nn.ReLU())"),
    "relu of relu": _sub(r"F\.relu\(", "F.relu(F.relu("),  # the parenthesis is closed below
    "a function for a layer": lambda text: (
        text if "nn.LeakyReLU" in text else re.sub(r"self\.(?:act|relu)\(", "nn.functional.relu(", text)
    ),
    "a layer for a function": _sub(r"F\.relu\(", "nn.ReLU()("),
    "a class for a list": _sub(r"(nn\.(?:Conv2d|Linear)\([^()]*\))", r"nn.Sequential(\1)"),
    "in place": _sub(r"nn\.ReLU\(\)", "nn.ReLU(inplace=True)"),
    "not in place": _sub(r"nn\.ReLU\(inplace=True\)", "nn.ReLU()"),
    "clamped": _sub(r"nn\.ReLU\((inplace=True)?\)", "nn.Threshold(0.0, 0.0)"),
    "flattened by a view": _sub(r"torch\.flatten\(x, 1\)", "x.view(x.shape[0], -1)"),
    "a mean for a pool": _sub(r"F\.avg_pool2d\(x, 7\)", "x.mean((2, 3), keepdim=True)"),
    "adaptive for a pool": _sub(r"F\.avg_pool2d\(x, 7\)", "F.adaptive_avg_pool2d(x, 1)"),
    "a mean of an adaptive pool": _sub(r"nn\.AdaptiveAvgPool2d\(\(1, 1\)\)", "nn.AvgPool2d((1, 1))"),
    "activation behind the pool": _sub(
        r"nn\.MaxPool2d\(2\)\)\n(\s+layers\.append\(nn\.BatchNorm2d\(\d+\)\))?", r"nn.Identity())\n\1"
    ),
    "padding by word": _sub(r"(nn\.Conv2d\(\d+, \d+, 3), padding=1(?=[,)])", r"\1, padding='same'"),
    "bias off and on": _sub(r"nn\.Linear\((\d+), (\d+)\)", r"nn.Linear(\1, \2, bias=not False)"),
    "default initialisation again": _sub(
        r"(self\.head = nn\.Linear\([^\n]*\)\n)", r"\1        nn.init.kaiming_uniform_(self.head.weight, a=5**0.5)\n"
    ),
    "a method for a function": _sub(r"F\.relu\((self\.\w+\(x\))\)", r"\1.relu()"),
    "a module's function": _sub(r"torch\.sigmoid\(", "F.sigmoid("),
}


def _closed(text: str) -> str:
    """Closes the parenthesis that "relu of relu" opens."""
    out, i = [], 0
    while (at := text.find("F.relu(F.relu(", i)) >= 0:
        end = at + len("F.relu(F.relu(")
        depth, j = 1, end
        while depth:
            depth += {"(": 1, ")": -1}.get(text[j], 0)
            j += 1
        out.append(text[i:j] + ")")
        i = j
    return "".join(out) + text[i:]


EQUAL["relu of relu"] = lambda text, first=EQUAL["relu of relu"]: _closed(first(text))
del EQUAL["activation behind the pool"], EQUAL["a mean of an adaptive pool"]

DIFFERENT: dict[str, Rewrite] = {
    "learning rate": _sub(r"max_lr=0\.\d+", "max_lr=0.0123"),
    "momentum of the optimizer": _sub(r"total_steps=steps\)", "total_steps=steps, cycle_momentum=False)"),
    "weight decay": _sub(r"weight_decay=[\d.e-]+", "weight_decay=0.0006"),
    "no decay of biases": _sub(
        r"net\.parameters\(\), lr",
        '[{"params": [p for p in net.parameters() if p.dim() > 1]}, '
        '{"params": [p for p in net.parameters() if p.dim() < 2], "weight_decay": 0.0}], lr',
    ),
    "optimizer": _sub(
        r"torch\.optim\.(SGD|AdamW|Adam)\(net\.parameters\(\)[^\n]*", "torch.optim.RMSprop(net.parameters())"
    ),
    "schedule": _sub(r"total_steps=steps\)", "total_steps=steps, pct_start=0.31)"),
    "label smoothing": _sub(r"label_smoothing=0\.\d+", "label_smoothing=0.11"),
    "augmentation": _sub(r"(degrees=|RandomErasing\(p=)[\d.]+", r"\g<1>0.17"),
    "ReLU6": _sub(r"nn\.ReLU\((inplace=True)?\)", "nn.ReLU6()"),
    "one ReLU6": _sub(r"nn\.ReLU\((inplace=True)?\)", "nn.ReLU6()", 1),
    "one ReLU": _sub(r"nn\.ReLU6\((inplace=True)?\)", "nn.ReLU()", 1),
    "a slope": _sub(r"nn\.ReLU\((inplace=True)?\)", "nn.LeakyReLU(0.01)"),
    "another slope": _sub(r"nn\.LeakyReLU\(0\.1\)", "nn.LeakyReLU(0.1001)"),
    "GELU": _sub(r"nn\.ReLU\((inplace=True)?\)", "nn.GELU()"),
    "tanh for GELU": _sub(r"F\.gelu\(self\.right\(x\)\)", "F.gelu(self.right(x), approximate='tanh')"),
    "SiLU for GELU": _sub(r"F\.gelu", "F.silu"),
    "alpha": _sub(r"F\.elu\(self\.hidden\(x\)\)", "F.elu(self.hidden(x), 1.01)"),
    "dropout": _sub(r"Dropout\(0\.\d+\)", "Dropout(0.25)"),
    "dropout of a function": _sub(r"0\.3, self\.training", "0.31, self.training"),
    "dropout in evaluation too": _sub(r"0\.3, self\.training", "0.3, True"),
    "dropout of channels": _sub(r"nn\.Dropout\((0\.\d+)\)", r"nn.AlphaDropout(\1)"),
    "eps": _sub(r"BatchNorm2d\((\w+)\)", r"BatchNorm2d(\1, eps=1e-06)"),
    "momentum of the norm": _sub(r"BatchNorm2d\((\w+)\)", r"BatchNorm2d(\1, momentum=0.11)"),
    "momentum of one norm": _sub(r"BatchNorm2d\((\w+)\)", r"BatchNorm2d(\1, momentum=0.11)", 1),
    "no running statistics": _sub(r"BatchNorm2d\((\w+)\)", r"BatchNorm2d(\1, track_running_stats=False)"),
    "no affine": _sub(r"BatchNorm2d\((\w+)\)", r"BatchNorm2d(\1, affine=False)", 1),
    "instance norm": _sub(r"nn\.BatchNorm2d\((\w+)\)", r"nn.InstanceNorm2d(\1, affine=True)", 1),
    "padding mode": _sub(r"(nn\.Conv2d\([^()\n]*padding=1)", r"\1, padding_mode='reflect'", 1),
    "dilation": _sub(r"(nn\.Conv2d\(\w+, \w+, 3), padding=1(?=[,)])", r"\1, padding=2, dilation=2", 1),
    "bias": _sub(r"bias=False", "bias=True", 1),
    "no bias": _sub(r"(nn\.Conv2d\(\d+, \d+, \d[^()\n]*)\)", r"\1, bias=False)", 1),
    "average for maximum": _sub(r"nn\.MaxPool2d\(", "nn.AvgPool2d(", 1),
    "another pool": _sub(r"nn\.MaxPool2d\(", "nn.LPPool2d(2, ", 1),
    "maximum for average": _sub(r"F\.avg_pool2d\(x, 7\)", "F.max_pool2d(x, 7)"),
    "difference for sum": _sub(r"y \+ self", "y - self"),
    "maximum for sum": _sub(r"y \+ self\.shortcut\(x\)", "torch.maximum(y, self.shortcut(x))"),
    "half a sum": _sub(r"y \+ self", "y + 0.5 * self"),
    "a little more": _sub(r"y \+ self", "y + 1.01 * self"),
    "no activation": _sub(r"return self\.act\((y \+ self\.shortcut\(x\))\)", r"return \1"),
    "activation before the sum": _sub(
        r"return self\.act\(y \+ self\.shortcut\(x\)\)", "return self.act(y) + self.shortcut(x)"
    ),
    "detached": _sub(r"y \+ self\.shortcut\(x\)", "y + self.shortcut(x.detach())"),
    "gradient half": _sub(
        r"(\n\s+)x = self\.pool\(a \* c \+ b\)", r"\1b = b / 2 + b.detach() / 2\1x = self.pool(a * c + b)"
    ),
    "shared": _sub(r"self\.gate\(x\)", "self.left(x) + 0 * self.gate(x)"),
    "sides of a gate": _sub(r"a \* c \+ b", "a + b * c"),
    "frozen": _sub(r"(self\.stem = [^\n]*)", r"\1\n        self.stem.weight.requires_grad_(False)"),
    "normal weights": _sub(
        r"(self\.head = nn\.Linear\([^\n]*\)\n)", r"\1        nn.init.normal_(self.head.weight, 0, 0.1)\n"
    ),
    "weights by data": _sub(
        r"(self\.head = nn\.Linear\([^\n]*\)\n)", r"\1        self.head.weight.data.normal_(0, 0.02)\n"
    ),
    "a bias of ones": _sub(r"(self\.head = nn\.Linear\([^\n]*\)\n)", r"\1        nn.init.ones_(self.head.bias)\n"),
    "a norm that starts at zero": _sub(r"(self\.bn2 = nn[^\n]*)", r"\1\n        nn.init.zeros_(self.bn2.weight)"),
    "kernel": _sub(r"(nn\.Conv2d\(\w+, \w+, )3(, padding=)1", r"\g<1>5\g<2>2", 1),
    "width": lambda text: text.replace("Block(16, 32", "Block(16, 40").replace(
        "nn.Linear(32, 10)", "nn.Linear(40, 10)"
    ),
    "stride inside the block": _sub(
        r"3, stride=stride, padding=1, bias=False\)(\s+self\.bn1.*\s+self\.conv2 = nn\.Conv2d\(outputs, outputs, 3,)",
        r"3, padding=1, bias=False)\1 stride=stride,",
    ),
}
