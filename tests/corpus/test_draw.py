import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.types import Ingredient, LineType, Origin
from gi.corpus.draw import Draw

ORIGIN = Origin("r", "c", "p", 1, "MIT")


def ingredients(counts: dict[str, int]) -> list[Ingredient]:
    return [
        Ingredient(LineType.CONNECTION, symbol, "", f"{symbol}({i})", (), ORIGIN)
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
