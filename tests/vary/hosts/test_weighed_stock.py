"""Lines of a weighed stock: by their repository's weight, and always one where there are any."""

import random
from collections import Counter

from gi.core.types import Ingredient, LineType, Origin
from gi.vary.hosts.weighed_stock import WeighedStock
from tests.checking import Stock


def line(repository, line_type=LineType.ACTIVATION):
    return Ingredient(line_type, "torch.nn.ReLU", "", "", (), Origin(repository, "", "", 1, "MIT"))


def test_repositories_are_drawn_by_their_weights():
    stock = WeighedStock(Stock(line("a"), line("b"), line("c")), {"a": 0.25, "b": 0.5})
    rng = random.Random(0)
    counts = Counter(stock.sample(rng, LineType.ACTIVATION).origin.repository for _ in range(2000))
    assert 0.1 < counts["a"] / 2000 < 0.19, "a share of 1/7"
    assert 0.24 < counts["b"] / 2000 < 0.33
    assert 0.52 < counts["c"] / 2000 < 0.62


def test_what_only_an_unwanted_repository_has_is_taken():
    stock = WeighedStock(Stock(line("a"), line("b", LineType.LOSS)), {"a": 0.0})
    assert stock.sample(random.Random(0), LineType.ACTIVATION).origin.repository == "a"
    assert stock.sample(random.Random(0), LineType.POOLING) is None
