import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.types import Ingredient, LineType, Origin
from gi.corpus.draw import Draw

ORIGIN = Origin("r", "c", "p", 1, "MIT")


def ingredients(counts: dict[str, int], *, donor: str = "r") -> list[Ingredient]:
    """Calls of each symbol that differ in more than numbers."""
    origin = dataclasses.replace(ORIGIN, repository=donor)
    return [
        Ingredient(LineType.CONNECTION, symbol, "", f"{symbol}({'x' * (i + 1)})", (), origin)
        for symbol, count in sorted(counts.items())
        for i in range(count)
    ]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40), min_size=1), st.integers())
def test_a_draw_gives_one_of_the_ingredients_and_the_same_for_the_same_seed(counts: dict[str, int], seed: int) -> None:
    stock = ingredients(counts)
    draw = Draw.of(stock)
    drawn = draw(random.Random(seed))
    assert drawn in stock
    assert Draw.of(stock)(random.Random(seed)) == drawn


def test_a_symbol_comes_up_by_the_root_of_its_number_of_calls() -> None:
    draw = Draw.of(ingredients({"conv": 100, "linear": 4, "rare": 1}))
    rng = random.Random(0)
    found = Counter(drawn.symbol for _ in range(13_000) if (drawn := draw(rng)))
    assert abs(found["conv"] - 10_000) < 300
    assert abs(found["linear"] - 2_000) < 200
    assert abs(found["rare"] - 1_000) < 150


def test_each_call_of_a_symbol_has_the_same_chance() -> None:
    draw = Draw.of(ingredients({"conv": 10}))
    rng = random.Random(0)
    found = Counter(drawn.call for _ in range(10_000) if (drawn := draw(rng)))
    assert all(abs(count - 1_000) < 150 for count in found.values())


def test_a_number_rounded_up_to_the_end_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    monkeypatch.setattr(rng, "random", lambda: 1.0)
    assert Draw.of(ingredients({"a": 1, "b": 1}))(rng) is not None


def test_calls_that_differ_in_numbers_give_a_symbol_no_more_weight() -> None:
    widths = [Ingredient(LineType.CONNECTION, "conv", "", f"conv({i}, {i * 0.5})", (), ORIGIN) for i in range(900)]
    draw = Draw.of([*widths, *ingredients({"linear": 1})])
    rng = random.Random(0)
    found = Counter(drawn.symbol for _ in range(2_000) if (drawn := draw(rng)))
    assert abs(found["conv"] - 1_000) < 100


def test_a_donor_of_many_networks_counts_as_one() -> None:
    many, few = ingredients({"conv": 500}, donor="many"), ingredients({"conv": 2}, donor="few")
    draw = Draw.of([*many, *few])
    rng = random.Random(0)
    found = Counter(drawn.origin.repository for _ in range(2_000) if (drawn := draw(rng)))
    assert abs(found["few"] - 1_000) < 100


def test_a_draw_does_not_depend_on_the_order_of_donors() -> None:
    one, other = ingredients({"conv": 3}, donor="a"), ingredients({"conv": 3}, donor="b")
    first, second = Draw.of([*one, *other]), Draw.of([*other, *one])
    assert [first(random.Random(i)) for i in range(20)] == [second(random.Random(i)) for i in range(20)]
