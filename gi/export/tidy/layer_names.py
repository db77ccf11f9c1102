"""Renames layers held as attributes by their kind and order, where their names mislead.

An edit may put `bn3` before `conv1`, turn an `elu1` into a ReLU, or leave `output` in the middle; names that are right
stay.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assigned_attribute, assignment, layer_name, method, order_of_use
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

#: The name of a layer by its class.
_KINDS = (
    ("conv", re.compile(r"Conv(Transpose)?\d?d")),
    ("fc", re.compile(r"Linear|Bilinear")),
    ("bn", re.compile(r"BatchNorm\dd")),
    ("ln", re.compile(r"LayerNorm")),
    ("norm", re.compile(r"(Group|Instance|RMS|LocalResponse)Norm(\dd)?")),
    ("pool", re.compile(r"(Adaptive)?(Max|Avg|LP|FractionalMax)Pool\dd")),
    ("dropout", re.compile(r"(Feature)?(Alpha)?Dropout(\dd)?")),
    ("act", re.compile(r"\w*(LU|LU6|Sigmoid|sigmoid|Tanh|tanh|swish|Mish|shrink|Softplus|Softsign)")),
)
_OWN = "layer"  # of a class that is not torch's: its name stays
_WEIGHTED = frozenset({"conv", "fc"})
_HEAD = "head"  # the linear layer that gives the classes
#: The kinds of layers that a name claims, for names that claim one.
_CLAIMS = {
    **{kind: frozenset({kind}) for kind, _ in _KINDS},
    "linear": frozenset({"fc"}),
    "batchnorm": frozenset({"bn"}),
    "norm": frozenset({"bn", "ln", "norm"}),
    "drop": frozenset({"dropout"}),
}
_ACTIVATIONS = frozenset({"relu", "relu6", "gelu", "elu", "selu", "celu", "silu", "mish", "hardswish", "leakyrelu",
                          "prelu", "sigmoid", "tanh", "softplus"})  # fmt: skip
_LAST = frozenset({"output", "out", "head", "classifier", "logits"})
_FIRST = frozenset({"stem", "entry"})


def named_by_use(tree: cst.Module, names: Names) -> Rewrite:
    """The network's layers renamed by their kind and numbered by their first use, where their names mislead.

    `conv2` before `conv1` or without one, `output` in the middle, `fc3` for a convolution, `norm1` beside `bn1`: then
    all layers are renamed, a single one of its kind without a number.
    """
    init, order = method(tree, "__init__"), order_of_use(tree)
    if init is None or not order:
        return Rewrite(tree)
    built = {name: pair[1] for s in init.body.body if (pair := assignment(s)) and (name := assigned_attribute(s))}
    defined = [assigned_attribute(s) for s in init.body.body if assigned_attribute(s) in order]
    layers = {name: layer_name(built[name], names) for name in order if name in built}
    if sorted(defined) != sorted(order) or not _mislead(order, layers):
        return Rewrite(tree)
    new = _numbered([(name, _kind(layers[name])) for name in order])
    if not _is_safe(tree, new):
        return Rewrite(tree)
    changed = tree.visit(_Renaming(new))
    assert isinstance(changed, cst.Module)
    # Through temporary names, since two layers may swap theirs.
    moved = [(old, name) for old, name in new.items() if old != name]
    steps = [("rename", old, f"{name}?") for old, name in moved] + [("rename", f"{name}?", name) for _, name in moved]
    return Rewrite(changed, tuple(steps))


def _kind(layer: str) -> str:
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(layer)), _OWN)


def _mislead(order: Sequence[str], layers: Mapping[str, str]) -> bool:
    """Whether a name contradicts its layer's kind or place, or the numbers their order."""
    kinds = [_kind(layers[name]) for name in order]
    numbers: dict[str, list[int]] = {}
    bases: dict[str, set[str]] = {}
    for at, name in enumerate(order):
        base, number = _base(name)
        said = base.lower()
        wrong_kind = said in _CLAIMS and kinds[at] not in (_OWN, *_CLAIMS[said])
        wrong_class = said in _ACTIVATIONS and said != layers[name].lower()
        not_last = said in _LAST and bool(_WEIGHTED & {*kinds[at + 1 :]})
        not_first = said in _FIRST and "conv" in kinds[:at]
        if wrong_kind or wrong_class or not_last or not_first:
            return True
        if number is not None:
            numbers.setdefault(base, []).append(number)
            bases.setdefault(kinds[at], set()).add(base)
    in_order = all(found == list(range(found[0], found[0] + len(found))) and found[0] < 2 for found in numbers.values())
    return not in_order or any(len(of_kind) > 1 for of_kind in bases.values())


def _base(name: str) -> tuple[str, int | None]:
    digits = re.search(r"_?(\d+)$", name)
    return (name[: digits.start()], int(digits[1])) if digits else (name, None)


def _numbered(layers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """New names by old ones, from (name, kind) in the order of the data."""
    weighted = [name for name, kind in layers if kind in _WEIGHTED]
    roles = {name: _base(name)[0] if kind == _OWN else kind for name, kind in layers}
    if weighted and roles[weighted[-1]] == "fc":
        roles[weighted[-1]] = _HEAD
    alike = [*roles.values()]
    count: dict[str, int] = {}
    new = {}
    for name, role in roles.items():
        count[role] = count.get(role, 0) + 1
        new[name] = role if alike.count(role) == 1 else f"{role}{count[role]}"
    return new


def _is_safe(tree: cst.Module, new: Mapping[str, str]) -> bool:
    """Whether each use of an old name is `self.NAME` or `net.NAME`, and no new name is in use."""
    mentioned = {*new, *new.values()}
    strings = [node.value for node in m.findall(tree, m.SimpleString()) if isinstance(node, cst.SimpleString)]
    if any(re.search(rf"\b{re.escape(name)}\b", text) for text in strings for name in mentioned):
        return False
    if m.findall(tree, m.FormattedString() | m.Name("getattr") | m.Name("setattr")):
        return False
    plain = sum(1 for _ in _attributes(tree, new))
    taken = {name for name in new.values() if name not in new}
    every = [node.value for node in m.findall(tree, m.Name()) if isinstance(node, cst.Name)]
    return plain == sum(name in new for name in every) and not taken & set(every)


def _attributes(tree: cst.Module, new: Mapping[str, str]) -> Iterator[cst.CSTNode]:
    net = next(s for s in tree.body if isinstance(s, cst.ClassDef) and s.name.value == "Net")
    recipe = [s for s in tree.body if isinstance(s, cst.FunctionDef) and s.name.value == "recipe"]
    for part, owner in ((net, "self"), *((function, "net") for function in recipe)):
        for node in m.findall(part, m.Attribute(m.Name(owner))):
            if isinstance(node, cst.Attribute) and node.attr.value in new:
                yield node


class _Renaming(cst.CSTTransformer):
    def __init__(self, new: Mapping[str, str]) -> None:
        super().__init__()
        self._new = new

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:  # noqa: N802
        return updated_node.with_changes(value=self._new.get(original_node.value, original_node.value))


def _network(definitions: Sequence[str], forward: str) -> str:
    lines = "".join(f"        {line}\n" for line in definitions)
    return (
        "import torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n{lines}\n    def forward(self, x):\n        return {forward}\n"
    )


_BACKWARDS = ["self.fc4 = nn.Linear(64, 32)", "self.fc3 = nn.Linear(32, 16)", "self.output = nn.Linear(16, 10)"]
_NUMBERED = ["self.fc1 = nn.Linear(64, 32)", "self.fc2 = nn.Linear(32, 16)", "self.head = nn.Linear(16, 10)"]
_MIXED = ["self.conv = nn.Conv2d(1, 4, 3)", "self.elu1 = nn.ReLU()", "self.norm1 = nn.BatchNorm2d(4)",
          "self.bn1 = nn.BatchNorm2d(4)", "self.fc3 = nn.Linear(4, 10)"]  # fmt: skip
_BY_KIND = ["self.conv = nn.Conv2d(1, 4, 3)", "self.act = nn.ReLU()", "self.bn1 = nn.BatchNorm2d(4)",
            "self.bn2 = nn.BatchNorm2d(4)", "self.head = nn.Linear(4, 10)"]  # fmt: skip
_GOOD = ["self.stem = nn.Linear(64, 32)", "self.norm1 = nn.BatchNorm1d(32)", "self.output = nn.Linear(32, 10)"]
_BY_STRING = ["self.fc2 = nn.Linear(64, 32)", "self.fc1 = nn.Linear(32, 10)", 'self.last = getattr(self, "fc1")']

NAMES = TidyPass(
    "layers named by what they are, numbered by their order, where their names mislead",
    named_by_use,
    (
        TidyExample(
            _network(_BACKWARDS, "self.output(F.relu(self.fc3(self.fc4(x))))"),
            _network(_NUMBERED, "self.head(F.relu(self.fc2(self.fc1(x))))"),
        ),
        TidyExample(
            _network(_MIXED, "self.fc3(self.bn1(self.norm1(self.elu1(self.conv(x)))).flatten(1))"),
            _network(_BY_KIND, "self.head(self.bn2(self.bn1(self.act(self.conv(x)))).flatten(1))"),
        ),
        # Names that are right.
        TidyExample(*[_network(_GOOD, "self.output(self.norm1(self.stem(x)))")] * 2),
        TidyExample(*[_network(_BY_STRING, "self.fc1(self.fc2(x))")] * 2),
    ),
)
