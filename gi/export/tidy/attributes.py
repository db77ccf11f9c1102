"""Defines layers held as attributes in the order in which data passes through them."""

from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assigned_attribute, assignment, layer_name, method, order_of_use
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass


def in_order_of_data(tree: cst.Module, names: Names) -> Rewrite:
    """The network's layers in `__init__` in the order of their first use in `forward`."""
    init, order = method(tree, "__init__"), order_of_use(tree)
    if init is None or not order:
        return Rewrite(tree)
    body = list(init.body.body)
    places = [at for at, statement in enumerate(body) if assigned_attribute(statement) in order]
    # Only for consecutive, independent lines: a line between, or one that reads an attribute, may depend on the order.
    if not places or places != list(range(places[0], places[-1] + 1)):
        return Rewrite(tree)
    run = body[places[0] : places[-1] + 1]
    if len({assigned_attribute(s) for s in run}) != len(run) or not all(_stands_alone(s, names) for s in run):
        return Rewrite(tree)
    run.sort(key=lambda statement: order.index(assigned_attribute(statement)))
    return Rewrite(tree.with_deep_changes(init.body, body=[*body[: places[0]], *run, *body[places[-1] + 1 :]]))


def _stands_alone(statement: cst.CSTNode, names: Names) -> bool:
    """Whether a definition builds a layer of torch and reads no attribute."""
    pair = assignment(statement)
    return pair is not None and bool(layer_name(pair[1], names)) and not m.findall(pair[1], m.Name("self"))


def _network(definitions: Sequence[str], forward: str) -> str:
    lines = "".join(f"        {line}\n" for line in definitions)
    return (
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n{lines}\n    def forward(self, x):\n        return {forward}\n"
    )


_LAST_FIRST = ["self.output = nn.Linear(8, 10)", "self.fc1 = nn.Linear(64, 8)  # said", "self.norm1 = nn.LayerNorm(8)"]
_READS = ["self.b = nn.Linear(8, 8)", "self.a = nn.Linear(8, self.b.out_features)"]

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
