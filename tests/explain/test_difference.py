import pytest

from gi.core.errors import SourceError
from gi.explain.difference import changes, difference
from tests.checking import HEAD, SEEDS, program, sequential

BASE = ("nn.Conv2d(1, 8, 3)", "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)")


def told(seed, individual):
    """The rows that each change took and brought."""
    return [(c.before, c.after) for c in changes(difference(seed, individual))]


def less(seed, individual, *numbers):
    """The individual without some of its changes."""
    found = difference(seed, individual)
    return found.text(found.numbers - set(numbers))


SINGLE = {
    "a layer that came": (
        sequential(*BASE),
        sequential(*BASE[:3], "nn.Dropout(0.1)", *BASE[3:]),
        [("", "nn.Dropout(0.1),")],
    ),
    "a layer that went": (
        sequential(*BASE),
        sequential(*BASE[:1], *BASE[2:]),
        [("nn.BatchNorm2d(8),", "")],
    ),
    "a layer that became another": (
        sequential(*BASE),
        sequential(*BASE[:2], "nn.Hardswish()", *BASE[3:]),
        [("nn.ReLU(),", "nn.Hardswish(),")],
    ),
    "several arguments of one call": (
        sequential(*BASE),
        sequential("nn.Conv2d(1, 8, 5, padding=1)", *BASE[1:]),
        [("nn.Conv2d(1, 8, 3),", "nn.Conv2d(1, 8, 5, padding=1),")],
    ),
    "neighbours one by one": (
        sequential(*BASE),
        sequential("nn.Conv2d(1, 8, 5)", "nn.GELU()", *BASE[3:]),
        [("nn.Conv2d(1, 8, 3),", "nn.Conv2d(1, 8, 5),"), ("nn.BatchNorm2d(8),", ""), ("nn.ReLU(),", "nn.GELU(),")],
    ),
    "a definition with its use": (
        program("self.fc = nn.Linear(64, 10)", "x = x.flatten(1)\nreturn self.fc(x)"),
        program(
            "self.fc = nn.Linear(64, 10)\nself.drop = nn.Dropout(0.1)",
            "x = x.flatten(1)\nx = self.drop(x)\nreturn self.fc(x)",
        ),
        [("", "self.drop = nn.Dropout(0.1)\nx = self.drop(x)")],
    ),
    "a definition with its use within a line": (
        program("self.fc = nn.Linear(64, 10)", "return self.fc(x.flatten(1))"),
        program("self.fc = nn.Linear(64, 10)\nself.norm = nn.LayerNorm(10)", "return self.norm(self.fc(x.flatten(1)))"),
        [
            (
                "return self.fc(x.flatten(1))",
                "self.norm = nn.LayerNorm(10)\nreturn self.norm(self.fc(x.flatten(1)))",
            )
        ],
    ),
    "a recipe's line": (
        sequential(*BASE),
        sequential(*BASE).replace("lr=0.1", "lr=0.3"),
        [
            (
                "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)",
                "optimizer = torch.optim.SGD(net.parameters(), lr=0.3)",
            )
        ],
    ),
    "an argument that fills several lines": (
        sequential("nn.Conv2d(\n        1,\n        8,\n        3,\n    )", *BASE[1:]),
        sequential("nn.Conv2d(\n        1,\n        8,\n        5,\n    )", *BASE[1:]),
        [("nn.Conv2d(\n    1,\n    8,\n    3,\n),", "nn.Conv2d(\n    1,\n    8,\n    5,\n),")],
    ),
    "comments and white space": (
        sequential(*BASE),
        sequential(*BASE).replace("\n\n    def", "\n    # two\n\n    def"),
        [],
    ),
}


@pytest.mark.parametrize(("seed", "individual", "expected"), SINGLE.values(), ids=SINGLE)
def test_changes_are_told_apart(seed, individual, expected):
    assert told(seed, individual) == expected


@pytest.mark.parametrize(("seed", "individual", "_"), SINGLE.values(), ids=SINGLE)
def test_all_changes_give_the_individual_and_none_the_seed_program(seed, individual, _):
    found = difference(seed, individual)
    assert (found.before, found.after) == (seed, individual)
    if found.numbers:
        assert (found.text(found.numbers), found.text(frozenset())) == (individual, seed)


@pytest.mark.parametrize("one", sorted(SEEDS))
def test_any_two_programs_come_apart_and_together_again(one):
    for other in sorted(SEEDS):
        found = difference(SEEDS[one], SEEDS[other])
        assert (found.before, found.after) == (SEEDS[one], SEEDS[other])


def test_two_changes_of_one_line_are_dropped_apart():
    init = "self.conv = nn.Conv2d(1, 8, 3)\nself.bn = nn.BatchNorm2d(8)\nself.fc = nn.Linear(288, 10)"
    seed = program(init, "x = F.relu(self.bn(self.conv(x)))\nreturn self.fc(x.flatten(1))")
    bare = init.replace("self.bn = nn.BatchNorm2d(8)\n", "")
    individual = program(bare, "x = F.gelu(self.conv(x))\nreturn self.fc(x.flatten(1))")
    assert less(seed, individual, 1) == seed.replace("F.relu", "F.gelu")
    assert less(seed, individual, 2) == individual.replace("F.gelu", "F.relu")


def test_an_import_comes_along_only_where_something_needs_it():
    seed = sequential(*BASE)
    head = HEAD.replace("import torch\n", "import math\nimport torch\n")
    individual = sequential("nn.Conv2d(1, 8, 5)", *BASE[1:]).replace(HEAD, head).replace("lr=0.1", "lr=math.exp(-2)")
    assert "import math" in less(seed, individual, 1)
    assert "import math" not in less(seed, individual, 2)


HALF = """\
def half(x):
    return x / 2


class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()

    def forward(self, x):
        return half(self.act(x))


"""


def test_a_class_that_was_brought_along_goes_with_its_last_use():
    seed = sequential(*BASE)
    brought = sequential(*BASE[:3], "Half()", "nn.Flatten()", "nn.Linear(288, 10, bias=False)")
    individual = brought.replace("class Net", f"{HALF}class Net")
    assert told(seed, individual) == [
        ("", "Half(),"),
        ("nn.Linear(288, 10),", "nn.Linear(288, 10, bias=False),"),
    ]
    without, with_it = less(seed, individual, 1), less(seed, individual, 2)
    assert "half" not in without.lower()
    assert HALF in with_it


def test_one_name_in_two_classes_is_two_names():
    net = program("self.fc = nn.Linear(64, 10)", "x = x.flatten(1)\nreturn self.fc(x)")
    seed = net.replace("class Net", f"{HALF}class Net")
    individual = seed.replace("        self.act = nn.ReLU()\n", "").replace("half(self.act(x))", "half(x)")
    individual = individual.replace("return self.fc(x)", "return self.act(self.fc(x))").replace(
        "= nn.Linear(64, 10)\n", "= nn.Linear(64, 10)\n        self.act = nn.ReLU()\n"
    )
    assert told(seed, individual) == [
        ("self.act = nn.ReLU()\nreturn half(self.act(x))", "return half(x)"),
        ("return self.fc(x)", "self.act = nn.ReLU()\nreturn self.act(self.fc(x))"),
    ]


def test_changes_merge_and_settle():
    seed, individual, _ = SINGLE["neighbours one by one"]
    found = difference(seed, individual)
    assert found.merged(1, 3).text({2}) == found.text({2})
    assert found.merged(1, 3).numbers == {1, 2}
    assert found.settled(1).text(frozenset()) == seed
    assert "nn.Conv2d(1, 8, 5)" in found.settled(1).text({2})
    less = found.settled(1)
    assert less.renumbered().numbers == {n - 1 for n in less.numbers}
    assert less.renumbered().text({1}) == less.text({2})


def test_a_text_that_does_not_parse_is_refused():
    with pytest.raises(SourceError, match="line 1"):
        difference("class", "x = 1")
