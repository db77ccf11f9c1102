from dataclasses import replace

import pytest

from gi.core.types import Edit, Individual, LineType, Origin
from gi.explain.provenance.origins import (
    LineOrigin,
    borrowed_lines,
    borrowed_parts,
    carried_over,
    home_origin,
    line_origins,
    origin_text,
    part_text,
)

SEED = Origin("gi", "", "corpus/seeds/small.py", 1, "Apache-2.0")
OTHER = Origin("gi", "", "corpus/seeds/other.py", 1, "Apache-2.0")
DONOR = Origin("torchvision==0.28.0", "", "torchvision/models/resnet.py", 177, "BSD-3-Clause")

SEED_TEXT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(288, 10),
        )
"""


def seed() -> Individual:
    return Individual("seed", SEED_TEXT, 0, origin=SEED)


def child(text: str, *edits: Edit, parents: tuple[str, ...] = ("seed",), generation: int = 1) -> Individual:
    return Individual(f"child{generation}", text, generation, parents, edits)


def insertion() -> Individual:
    text = SEED_TEXT.replace("nn.ReLU(),", "nn.ReLU(),\n            nn.BatchNorm2d(8),")
    return child(text, Edit("insertion", LineType.NORMALIZATION, 10, "", "nn.BatchNorm2d(64),", DONOR))


def test_every_line_of_a_seed_program_comes_from_its_file():
    origins = line_origins(seed(), {})
    assert [o.origin for o in origins] == [replace(SEED, line=n) for n in range(1, 13)]
    assert borrowed_lines(origins) == ()


def test_an_inserted_line_comes_from_its_donor_even_when_its_numbers_were_repaired():
    (line,) = borrowed_lines(line_origins(insertion(), {"seed": seed()}))
    assert (line.line, line.code.strip(), line.origin, line.changed) == (10, "nn.BatchNorm2d(8),", DONOR, True)


def test_origins_survive_generations_of_other_edits():
    first = insertion()
    second = child(first.text.replace("            nn.Flatten(),\n", ""), parents=(first.id,), generation=2)
    origins = line_origins(second, {"seed": seed(), first.id: first})
    assert [o.origin for o in borrowed_lines(origins)] == [DONOR]
    assert home_origin(origins) == SEED


def test_a_tweaked_line_keeps_its_origin_and_is_marked_as_changed():
    tweaked = child(SEED_TEXT.replace("Conv2d(1, 8, 3)", "Conv2d(1, 12, 3)"))
    line = line_origins(tweaked, {"seed": seed()})[7]
    assert line.origin == replace(SEED, line=8)
    assert line.changed


def test_a_crossed_over_line_comes_from_the_other_parents_file():
    other = Individual("other", SEED_TEXT.replace("nn.ReLU()", "nn.Hardswish(inplace=True)"), 0, origin=OTHER)
    crossed = child(other.text, parents=("seed", "other"))
    (line,) = borrowed_lines(line_origins(crossed, {"seed": seed(), "other": other}))
    assert line.origin == replace(OTHER, line=9)
    assert line.operator == "crossover"


def test_a_line_that_is_as_the_seed_program_has_it_is_its_own_again():
    away = child(
        SEED_TEXT.replace("nn.ReLU()", "nn.RReLU()"), Edit("crossover", LineType.ACTIVATION, 9, "", "nn.RReLU()", DONOR)
    )
    back = child(SEED_TEXT, Edit("cut", LineType.ACTIVATION, 9, "", "nn.ReLU()"), parents=(away.id,), generation=2)
    ancestors = {"seed": seed(), away.id: away}
    assert borrowed_lines(line_origins(away, ancestors)) != ()
    assert borrowed_lines(line_origins(back, ancestors)) == ()


@pytest.mark.parametrize(
    ("code", "more", "text"),
    [
        ("    x = nn.ReLU()(x)", 0, "x = nn.ReLU()(x)"),
        ("def half(n: int) -> int:", 4, "def half and 4 more lines"),
        ("class Block(nn.Module):", 0, "class Block"),
    ],
)
def test_a_borrowed_part_is_told_in_a_few_words(code, more, text):
    assert part_text(LineOrigin(3, code, DONOR, "block"), 3 + more) == text


def test_a_line_that_variation_wrote_has_no_origin():
    cast = child(SEED_TEXT + "        self.extra = torch.zeros(3)\n")
    assert line_origins(cast, {"seed": seed()})[-1].origin is None


def test_a_missing_ancestor_ends_the_trace():
    assert {o.origin for o in line_origins(insertion(), {})} == {None, DONOR}


def test_origins_carry_over_to_another_layout_of_the_text():
    first = insertion()
    laid_out = first.text.replace("class Net", "\nclass Net").replace("        self.body", "        self.body  ")
    origins = carried_over(line_origins(first, {"seed": seed()}), laid_out)
    assert [o.line for o in borrowed_lines(origins)] == [11]


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (SEED, "gi corpus/seeds/small.py:1 (Apache-2.0)"),
        (replace(DONOR, commit="0.28.0"), "torchvision==0.28.0 torchvision/models/resnet.py:177 (BSD-3-Clause)"),
        (Origin("https://x/y", "abcdef0123456789", "a.py", 3, "MIT"), "https://x/y@abcdef012345 a.py:3 (MIT)"),
    ],
)
def test_an_origin_is_told_in_words(origin, text):
    assert origin_text(origin) == text


BLOCK = """\
def half(x):
    return x / 2


class Half(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x):
        return half(x)


"""


def with_block() -> Individual:
    text = SEED_TEXT.replace("class Net", f"{BLOCK}class Net").replace("nn.ReLU(),", "nn.ReLU(),\n            Half(),")
    return child(text, Edit("block", LineType.BLOCK, 10, "", "Half()", DONOR))


def test_a_class_that_was_brought_along_comes_from_its_donor():
    origins = line_origins(with_block(), {"seed": seed()})
    assert [(o.line, last, o.origin) for o, last in borrowed_parts(origins)] == [(4, 13, DONOR), (22, 22, DONOR)]
    assert {o.operator for o in borrowed_lines(origins)} == {"block"}


def test_a_brought_class_keeps_its_origin_in_later_generations():
    first = with_block()
    later = child(first.text.replace("Conv2d(1, 8, 3)", "Conv2d(1, 8, 5)"), parents=(first.id,), generation=2)
    assert len(borrowed_parts(line_origins(later, {"seed": seed(), first.id: first}))) == 2


def test_a_definition_that_nothing_borrowed_has_no_origin():
    text = SEED_TEXT.replace("class Net", "K = 3\n\nclass Net")
    assert borrowed_lines(line_origins(child(text), {"seed": seed()})) == ()
