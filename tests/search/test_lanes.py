from hypothesis import given
from hypothesis import strategies as st

from gi.search.lanes import Lanes


def test_a_training_is_told_once_its_lane_or_an_earlier_one_is_free():
    lanes = Lanes(2)
    lanes.place("long", 10)
    lanes.place("short", 1)
    assert lanes.ended() == ["short"]
    lanes.place("next", 4)
    assert lanes.ended() == ["next"]
    assert len(lanes) == 1


def test_trainings_of_one_end_are_told_in_the_order_in_which_they_began():
    lanes = Lanes(3)
    for name in "abc":
        lanes.place(name, 5)
    assert lanes.ended() == ["a", "b", "c"]


def test_idle_lanes_wait_for_the_next_end():
    lanes = Lanes(2)
    lanes.place("long", 10)
    assert lanes.ended() == []
    lanes.idle()
    assert lanes.ended() == ["long"]
    lanes.place("after", 1)
    lanes.place("beside", 1)
    assert lanes.ended() == ["after", "beside"]
    lanes.idle()
    assert lanes.ended() == []


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 9))
def test_a_decision_knows_all_but_as_many_as_there_are_lanes(work, count):
    """With lanes as workers: what is not told is at most one training on each lane."""
    lanes, told = Lanes(count), []
    for number, amount in enumerate(work):
        told += lanes.ended()
        assert len(lanes) < count
        lanes.place(number, amount)
    while len(lanes):
        lanes.idle()
        told += lanes.ended()
    assert sorted(told) == list(range(len(work)))
