"""Layers that are attributes: defined in the order in which data passes through them, and numbered by it."""

import re
from collections.abc import Iterator, Mapping, Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assignment, layer_name, method, self_attribute
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass

_KINDS = (
    ("conv", re.compile(r"Conv(Transpose)?\d?d")),
    ("fc", re.compile(r"Linear|Bilinear")),
    ("norm", re.compile(r"(Batch|Layer|Group|Instance|RMS|LocalResponse)Norm(\dd)?")),
    ("pool", re.compile(r"(Adaptive)?(Max|Avg|LP|FractionalMax)Pool\dd")),
    ("drop", re.compile(r"(Feature)?(Alpha)?Dropout(\dd)?")),
    ("act", re.compile(r"\w*(LU|LU6|Sigmoid|sigmoid|Tanh|tanh|swish|Mish|shrink|Softplus|Softsign)")),
)
_LAST = frozenset({"output", "out", "head", "classifier", "logits"})
_FIRST = frozenset({"stem", "entry"})


def in_order_of_data(tree: cst.Module, names: Names) -> Rewrite:
    """The network's layers in `__init__` in the order of their first use in `forward`."""
    init, order = method(tree, "__init__"), _order_of_use(tree)
    if init is None or not order:
        return Rewrite(tree)
    body = list(init.body.body)
    places = [at for at, statement in enumerate(body) if _defined(statement) in order]
    # In one stretch, and each by itself: what reads another attribute, or a line between, may depend on the order.
    if not places or places != list(range(places[0], places[-1] + 1)):
        return Rewrite(tree)
    run = body[places[0] : places[-1] + 1]
    if len({_defined(s) for s in run}) != len(run) or not all(_stands_alone(s, names) for s in run):
        return Rewrite(tree)
    run.sort(key=lambda statement: order.index(_defined(statement)))
    return Rewrite(tree.with_deep_changes(init.body, body=[*body[: places[0]], *run, *body[places[-1] + 1 :]]))


def numbered_by_use(tree: cst.Module, names: Names) -> Rewrite:
    """The network's layers named by what they are and numbered by their first use, where their names mislead.

    `conv2` before `conv1`, `output` in the middle, a convolution called `fc3`: then all of them get such names. Else
    their author's stay.
    """
    init, order = method(tree, "__init__"), _order_of_use(tree)
    if init is None or not order:
        return Rewrite(tree)
    pairs = [(_defined(s), pair[1]) for s in init.body.body if (pair := assignment(s)) and _defined(s) in order]
    kinds = {name: _kind(value, names) for name, value in pairs}
    if len(pairs) != len(order) or kinds.keys() != set(order) or not _mislead(order, kinds):
        return Rewrite(tree)
    new = _numbered(order, kinds)
    if not _is_safe(tree, new):
        return Rewrite(tree)
    changed = tree.visit(_Renaming(new))
    assert isinstance(changed, cst.Module)
    # By way of names that nothing has, since two may swap theirs.
    moved = [(old, name) for old, name in new.items() if old != name]
    steps = [("rename", old, f"{name}?") for old, name in moved] + [("rename", f"{name}?", name) for _, name in moved]
    return Rewrite(changed, tuple(steps))


def _order_of_use(tree: cst.Module) -> list[str]:
    """The attributes that the network's `forward` calls, in the order of their first call; [] where it shows none."""
    forward = method(tree, "forward")
    if forward is None:
        return []
    visitor = _Calls()
    forward.visit(visitor)
    return [] if visitor.has_branches else list(dict.fromkeys(visitor.called))


class _Calls(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.has_branches = False

    def visit_If(self, _: cst.If) -> None:  # noqa: N802
        self.has_branches = True

    def visit_For(self, _: cst.For) -> None:  # noqa: N802
        self.has_branches = True

    def visit_While(self, _: cst.While) -> None:  # noqa: N802
        self.has_branches = True

    def leave_Call(self, original_node: cst.Call) -> None:  # noqa: N802
        # On leaving: the calls in its arguments come first, as they do when it runs.
        if name := self_attribute(original_node.func):
            self.called.append(name)


def _defined(statement: cst.CSTNode) -> str:
    pair = assignment(statement)
    return self_attribute(pair[0]) if pair else ""


def _stands_alone(statement: cst.CSTNode, names: Names) -> bool:
    """Whether a definition calls a layer of torch and reads nothing that another one makes."""
    pair = assignment(statement)
    return pair is not None and bool(layer_name(pair[1], names)) and not m.findall(pair[1], m.Name("self"))


def _kind(value: cst.BaseExpression, names: Names) -> str:
    name = layer_name(value, names)
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(name)), "layer")


def _mislead(order: Sequence[str], kinds: Mapping[str, str]) -> bool:
    numbers: dict[str, int] = {}
    for at, name in enumerate(order):
        base, number = _base(name)
        claims = {kind for kind, _ in _KINDS} & {base}
        if claims and kinds[name] not in claims:
            return True
        if number is not None and numbers.get(base, -1) > number:
            return True
        numbers[base] = number if number is not None else numbers.get(base, -1)
        weighted = [other for other in order[at + 1 :] if kinds[other] in ("conv", "fc")]
        if (base in _LAST and weighted) or (base in _FIRST and any(kinds[o] == "conv" for o in order[:at])):
            return True
    return False


def _base(name: str) -> tuple[str, int | None]:
    digits = re.search(r"_?(\d+)$", name)
    return (name[: digits.start()], int(digits[1])) if digits else (name, None)


def _numbered(order: Sequence[str], kinds: Mapping[str, str]) -> dict[str, str]:
    count: dict[str, int] = {}
    new = {}
    for name in order:
        count[kinds[name]] = count.get(kinds[name], 0) + 1
        new[name] = f"{kinds[name]}{count[kinds[name]]}"
    return new


def _is_safe(tree: cst.Module, new: Mapping[str, str]) -> bool:
    """Whether each mention of an old name is `self.NAME` or `net.NAME` and none of the new ones is taken."""
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


_LAST_FIRST = ["self.output = nn.Linear(8, 10)", "self.fc1 = nn.Linear(64, 8)  # said", "self.norm1 = nn.LayerNorm(8)"]
_READS = ["self.b = nn.Linear(8, 8)", "self.a = nn.Linear(8, self.b.out_features)"]
_BACKWARDS = ["self.fc4 = nn.Linear(64, 32)", "self.fc3 = nn.Linear(32, 16)", "self.output = nn.Linear(16, 10)"]
_NUMBERED = ["self.fc1 = nn.Linear(64, 32)", "self.fc2 = nn.Linear(32, 16)", "self.fc3 = nn.Linear(16, 10)"]
_GOOD = ["self.stem = nn.Linear(64, 32)", "self.output = nn.Linear(32, 10)"]
_BY_STRING = ["self.fc2 = nn.Linear(64, 32)", "self.fc1 = nn.Linear(32, 10)", 'self.last = getattr(self, "fc1")']

ORDER_OF_DATA = TidyPass(
    "layers in the order of the data",
    in_order_of_data,
    (
        TidyExample(
            _network(_LAST_FIRST, "self.output(self.norm1(self.fc1(x)))"),
            _network([*_LAST_FIRST[1:], _LAST_FIRST[0]], "self.output(self.norm1(self.fc1(x)))"),
        ),
        # The second definition reads the first.
        TidyExample(*[_network(_READS, "self.b(self.a(x))")] * 2),
    ),
)
NUMBERED = TidyPass(
    "layers numbered by their order",
    numbered_by_use,
    (
        TidyExample(
            _network(_BACKWARDS, "self.output(F.relu(self.fc3(self.fc4(x))))"),
            _network(_NUMBERED, "self.fc3(F.relu(self.fc2(self.fc1(x))))"),
        ),
        # An author's names that say what is so.
        TidyExample(*[_network(_GOOD, "self.output(self.stem(x))")] * 2),
        TidyExample(*[_network(_BY_STRING, "self.fc1(self.fc2(x))")] * 2),
    ),
)
