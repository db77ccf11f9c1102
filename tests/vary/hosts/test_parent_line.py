"""Lines of a second parent take the origin that they have there."""

from gi.core.types import Edit, LineType, Origin
from gi.vary.hosts.parent_line import is_parent_line, parent_line, with_origins

CORPUS = Origin("https://example.org/nets", "1" * 40, "net.py", 7, "BSD-3-Clause")
BORROWED = Edit("insertion", LineType.NORMALIZATION, 2, "", "nn.BatchNorm2d(8)", CORPUS)
TWEAKED = Edit("tweak", LineType.CONNECTION, 1, "a", "b")
OF_PARENT = Edit("crossover", LineType.ACTIVATION, 9, "nn.Tanh()", "nn.ReLU()", parent_line(3))


def test_only_lines_of_the_second_parent_are_asked_for():
    asked = []
    made = with_origins([BORROWED, OF_PARENT, TWEAKED], lambda line: asked.append(line) or CORPUS)
    assert asked == [3]
    assert [edit.origin for edit in made] == [CORPUS, CORPUS, None]
    assert [is_parent_line(edit) for edit in (BORROWED, OF_PARENT, TWEAKED, *made)] == [False, True, *[False] * 4]


def test_a_line_whose_origin_nothing_tells_has_none():
    (made,) = with_origins([OF_PARENT], lambda line: None)
    assert made.origin is None
