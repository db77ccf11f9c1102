import pytest

from gi.archive import FrontMember, ranked
from gi.core.errors import ConfigError
from gi.core.objectives import OBJECTIVES
from gi.export import best_member, knee

ERROR_PARAMS = (OBJECTIVES["error"], OBJECTIVES["params"])


def member(id_, error, params):
    return FrontMember(id_, 0, {"error": error, "params": params})


FRONT = (member("best", 0.01, 1_000_000), member("middle", 0.02, 2_000), member("small", 0.5, 100))


@pytest.mark.parametrize(("best", "expected"), [("error", "best"), ("params", "small"), ("knee", "middle")])
def test_the_best_is_chosen_by_objective_or_at_the_knee(best, expected):
    assert best_member(FRONT, ERROR_PARAMS, best).id == expected


def final(id_, searched, *finals, params=1000):
    mean = {"error": sum(finals) / len(finals)} if finals else {}
    return FrontMember(id_, 0, {"error": searched, "params": params}, (0.5,) * len(finals), finals, None, mean)


def test_the_least_error_is_that_of_the_final_trainings_on_the_validation_split():
    lucky, steady = final("lucky", 0.007, 0.014, 0.016), final("steady", 0.01, 0.011, 0.012)
    assert best_member((lucky, steady), ERROR_PARAMS, "error").id == "steady"


def test_test_errors_have_no_part_in_the_choice():
    good = FrontMember("good", 0, {"error": 0.02, "params": 10}, (0.9, 0.9), (0.01, 0.01), None, {"error": 0.01})
    bad = FrontMember("bad", 0, {"error": 0.01, "params": 10}, (0.0, 0.0), (0.02, 0.02), None, {"error": 0.02})
    assert best_member((good, bad), ERROR_PARAMS, "error").id == "good"


@pytest.mark.parametrize("best", ["error", "params"])
def test_the_best_is_the_first_of_the_ranked_and_ties_go_by_the_other_objectives(best):
    large, small = final("large", 0.01, 0.02, params=900), final("small", 0.03, 0.02, params=300)
    front = (final("untrained", 0.001, params=300), large, small, final("worse", 0.002, 0.04, params=300))
    members = ranked(front, ERROR_PARAMS, OBJECTIVES[best])
    assert best_member(front, ERROR_PARAMS, best) == members[0]
    expected = {
        "error": ["small", "large", "worse", "untrained"],
        "params": ["untrained", "small", "worse", "large"],
    }
    assert [m.id for m in members] == expected[best]


def test_where_the_error_counts_a_lucky_member_without_final_trainings_is_out_and_the_smallest_one_is_not():
    front = (final("lucky", 0.001, params=3), final("trained", 0.02, 0.03), final("other", 0.02, 0.04, params=900))
    assert best_member(front, ERROR_PARAMS, "error").id == "trained"
    assert best_member(front, ERROR_PARAMS, "params").id == "lucky"
    assert best_member(front, ERROR_PARAMS, "knee").id != "lucky"


def test_figures_count_as_logarithms_at_the_knee():
    front = (member("large", 0.01, 100_000), member("useful", 0.03, 10_000), member("useless", 0.3, 500))
    assert knee((*front, member("tiny", 0.9, 50)), ERROR_PARAMS).id == "useful"


def test_an_error_of_none_has_a_place_on_the_front():
    assert knee((member("a", 0.0, 100), member("b", 0.5, 90)), ERROR_PARAMS).id in "ab"


def test_the_knee_of_one_is_that_one():
    assert knee(FRONT[:1], ERROR_PARAMS).id == "best"


def test_an_objective_of_equal_values_does_not_count():
    front = (member("a", 0.2, 100), member("b", 0.1, 100))
    assert knee(front, ERROR_PARAMS).id == "b"


def test_an_unknown_objective_is_refused():
    with pytest.raises(ConfigError, match=r"--best time: choose from error, params, knee"):
        best_member(FRONT, ERROR_PARAMS, "time")


def test_an_empty_front_is_refused():
    with pytest.raises(ConfigError, match="no front yet"):
        best_member((), ERROR_PARAMS, "knee")
