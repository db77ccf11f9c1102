import random
from collections import Counter

from gi.search.select import Standing, contribution_tournament, standing, tournament, volume_standing


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


LINE = [[n / 20, 1 - n / 20] for n in range(21)]


def volume_draws(values, sizes, **options):
    population = volume_standing(values, sizes, reference=(1.1, 1.1))
    return Counter(contribution_tournament(population, rng=random.Random(i), **options) for i in range(2000))


def test_what_keeps_more_volume_breeds_more():
    values = [[0.5, 0.5], [0.52, 0.52], [0.9, 0.9]]
    draws = volume_draws(values, [1.0, 1.0, 1.0])
    assert draws[0] > draws[1] > draws[2]


def test_every_size_breeds():
    draws = volume_draws(LINE, [row[0] for row in LINE])
    thirds = [sum(draws[n] for n in range(start, start + 7)) for start in (0, 7, 14)]
    assert min(thirds) > 2000 / 5


def test_the_second_parent_is_another_one_by_volume_too():
    assert 3 not in volume_draws(LINE, [row[0] for row in LINE], without=3)
    assert set(volume_draws([[1, 1], [2, 2]], [1, 2], without=0)) == {1}
    assert set(volume_draws([[1, 1]], [1], without=0)) == {0}


def test_the_same_stream_draws_the_same_parent_by_volume():
    assert volume_draws(LINE, [1.0] * 21) == volume_draws(LINE, [1.0] * 21)
