"""Lines of a second parent keep the origin that they have there."""

import dataclasses
from types import SimpleNamespace

import pytest

from gi.core.types import Edit, Individual, LineType, Origin
from gi.explain.provenance.borrowed import origins_in

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


def archive(asked):
    """An archive with these four; the ids whose lineage is read are appended to `asked`."""
    members = (SEED, CHILD, GRANDCHILD, WITH_BLOCK)
    return SimpleNamespace(individuals=SimpleNamespace(lineage=lambda id_: asked.append(id_) or members))


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
def test_a_line_has_the_origin_that_it_has_in_the_individual(donor, line, origin):
    assert origins_in(archive([]), donor.id)(line) == origin


def test_the_lineage_is_read_once_and_only_when_a_line_is_asked_for():
    asked = []
    origin_of = origins_in(archive(asked), "child")
    assert asked == []
    assert (origin_of(2), origin_of(99)) == (CORPUS, None)
    assert asked == ["child"]
