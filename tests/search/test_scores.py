import pytest

from gi.core.objectives import OBJECTIVES as KNOWN
from gi.core.objectives import Objective
from gi.core.types import Scored
from gi.search.budget import own_limit_s
from gi.search.scores import Scores
from gi.search.select import volume_order

OBJECTIVES = [Objective("error", "share", reference=1.0, bounded=True), Objective("params", "", log=True)]


def scores(**values):
    found = Scores(OBJECTIVES, None, volume_order, 300)
    for id_, (error, params) in values.items():
        found.add(id_, Scored({"error": error, "params": params, "other": 7.0}))
    return found


@pytest.fixture
def three():
    found = scores(seed=(0.2, 1000), tiny=(0.8, 10), good=(0.1, 2000))
    found.set_reference(["seed", "good"])
    return found


def test_only_the_scored_are_known_in_the_order_in_which_they_came(three):
    assert list(three) == ["seed", "tiny", "good"]
    assert "failed" not in three


def test_the_reference_point_is_fixed_once(three):
    assert three.reference == pytest.approx((0.255, 4000))
    three.set_reference(["tiny"])
    assert three.reference == pytest.approx((0.255, 4000))


def test_what_lies_beyond_the_bound_is_on_no_front_and_survives_last(three):
    assert three.front_of(["tiny", "seed", "good"]) == ["seed", "good"]
    assert three.selected(["tiny", "seed", "good"], 2) == ["good", "seed"]
    assert three.selected(["tiny", "seed", "good"], 3)[2] == "tiny"
    assert three.standing(["tiny", "seed", "good"]).ranks == (1, 0, 0)
    assert three.hypervolume(["tiny"]) == 0.0


def near(**values):
    found = Scores([KNOWN["error"], KNOWN["params"]], None, volume_order, 5000)
    for id_, figures in values.items():
        found.add(id_, Scored(dict(zip(("error", "params"), figures, strict=True))))
    found.set_reference(list(values))
    return found


def test_who_may_be_the_best_of_its_size_is_promising():
    found = near(small=(0.0064, 20_000), large=(0.0060, 34_000), other=(0.0074, 9000), worse=(0.0090, 30_000))
    # The smallest of those that noise alone sets apart stands for all of them in a front by size.
    assert set(found.best_by_size(3)) == {"small", "other"}
    assert found.promising(list(found), 4) == ["large", "other", "small"]
    assert found.promising(list(found), 1) == ["large"]
    assert set(found.finalists(3)) == {"large", "other", "small"}


def test_a_lucky_smaller_network_keeps_no_better_one_from_its_final_training():
    found = near(lucky=(0.0080, 5240), better=(0.0083, 9398), largest=(0.0044, 34_000))
    assert "better" in found.promising(list(found), 3)


def test_what_is_infeasible_is_not_promising(three):
    assert three.promising(["tiny", "seed", "good"], 3) == ["good", "seed"]
    assert three.promising(["tiny"], 3) == []


def test_a_limit_of_the_users_own_is_twice_the_slowest_seeds_time():
    assert own_limit_s([3.0, 5.0]) == 10.0
    assert own_limit_s([0.01]) == 2.0
    assert own_limit_s([]) is None


def test_what_takes_much_longer_than_the_best_of_their_size_has_to_be_the_best():
    def taking(**values):
        found = Scores([KNOWN["error"], KNOWN["params"]], None, volume_order, 5000)
        for id_, (error, params, train_s) in values.items():
            found.add(id_, Scored({"error": error, "params": params, "train_time": train_s}))
        found.set_reference(list(values))
        found.seeds = frozenset(others)
        return found

    others = {"small": (0.012, 2000, 10.0), "middle": (0.008, 9000, 12.0), "tiny": (0.02, 900, 9.0)}
    found = taking(**others, dear=(0.009, 5000, 40.0))
    assert set(found.promising(list(found), 4)) == set(others)
    found = taking(**others, dear=(0.009, 5000, 40.0), dearer=(0.009, 4000, 50.0), dearest=(0.009, 3000, 60.0))
    assert set(found.promising(list(found), 6)) == set(others)
    assert set(found.finalists(3)) == set(others)
    assert set(found.finalists(6)) == {*others, "dearest"}
    found = taking(**others, dear=(0.004, 50_000, 40.0))
    assert found.promising(list(found), 4)[0] == "dear"
