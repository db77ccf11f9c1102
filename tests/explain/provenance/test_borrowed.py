"""Lines of a second parent keep the origin that they have there."""

import dataclasses

import pytest

from gi.core.types import Edit, Individual, LineType, Origin
from gi.explain.provenance.borrowed import takes_from_parent, with_origins

SEED_FILE = Origin("gi==1", "", "seeds/a.py", 1, "MIT")
CORPUS = Origin("https://example.org/nets", "1" * 40, "net.py", 7, "BSD-3-Clause")
SEED = Individual("seed", "a = 1\nself.act = nn.ReLU()\nb = 2\n", 0, origin=SEED_FILE)
CHILD = Individual(
    "child",
    "a = 1\nself.bn = nn.BatchNorm2d(8)\nself.act = nn.ReLU()\nb = 3\n",
    1,
    ("seed",),
    (Edit("insertion", LineType.NORMALIZATION, 2, "", "nn.BatchNorm2d(8)", CORPUS),),
)
GRANDCHILD = Individual("grandchild", CHILD.text + "c = 4\n", 2, ("child",))

WITH_BLOCK = Individual(
    "block",
    "class Half(nn.Module):\n    pass\n\n\n" + SEED.text + "x = Half()\n",
    1,
    ("seed",),
    (Edit("block", LineType.BLOCK, 3, "", "Half()", CORPUS),),
)


def of_parent(line):
    return Edit("crossover", LineType.ACTIVATION, 9, "nn.Tanh()", "nn.ReLU()", Origin("", "", "", line, ""))


@pytest.mark.parametrize(
    ("donor", "line", "origin"),
    [
        (SEED, 2, dataclasses.replace(SEED_FILE, line=2)),
        (CHILD, 2, CORPUS),
        (CHILD, 3, dataclasses.replace(SEED_FILE, line=2)),
        (CHILD, 4, None),
        (GRANDCHILD, 2, CORPUS),
        (GRANDCHILD, 5, None),
        (GRANDCHILD, 99, None),
        (WITH_BLOCK, 1, CORPUS),
        (WITH_BLOCK, 6, dataclasses.replace(SEED_FILE, line=2)),
    ],
)
def test_a_line_has_the_origin_that_it_has_in_the_parent(donor, line, origin):
    edit = of_parent(line)
    made = with_origins([edit], donor.id, (SEED, CHILD, GRANDCHILD, WITH_BLOCK))
    assert made == (dataclasses.replace(edit, origin=origin),)


def test_other_edits_stay_as_they_are():
    edits = (CHILD.edits[0], Edit("tweak", LineType.CONNECTION, 1, "a", "b"))
    assert with_origins(edits, "seed", (SEED,)) == edits


@pytest.mark.parametrize(
    ("edit", "taken"),
    [
        (of_parent(3), True),
        (CHILD.edits[0], False),
        (Edit("tweak", LineType.CONNECTION, 1, "a", "b"), False),
        (Edit("cut", LineType.CONNECTION, 1, "a", ""), True),
    ],
)
def test_tells_whether_the_second_parent_gave_anything(edit, taken):
    assert takes_from_parent([edit]) is taken
