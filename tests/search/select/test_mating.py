import random
from collections import Counter

from gi.search.select import Standing, standing, tournament


def test_the_better_of_two_wins():
    population = standing([[3, 3], [1, 1], [2, 2]])
    wins = Counter(tournament(population, rng=random.Random(i)) for i in range(900))
    assert wins[1] > wins[2] > wins[0] > 0


def test_of_equal_ranks_the_less_crowded_wins():
    population = Standing((0, 0), (0.1, 2.0))
    wins = Counter(tournament(population, rng=random.Random(i)) for i in range(400))
    assert wins[1] > 250


def test_the_same_stream_draws_the_same_parent():
    population = standing([[i, 9 - i] for i in range(10)])
    draws = [[tournament(population, rng=random.Random(seed)) for seed in range(50)] for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) > 3


def test_the_second_parent_is_another_one_where_there_is_one():
    pair, single = standing([[1, 1], [2, 2]]), standing([[1, 1]])
    assert {tournament(pair, rng=random.Random(i), without=0) for i in range(20)} == {1}
    assert tournament(single, rng=random.Random(0), without=0) == 0
