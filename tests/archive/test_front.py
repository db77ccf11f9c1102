import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gi.archive import Archive, FrontMember, Generation, front_members, front_rows, ranked, violation
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Failed, Individual, Scored

THREE = [OBJECTIVES[key] for key in ("error", "params", "time")]
ROWS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=25)


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(ROWS, st.data())
def test_the_front_equals_its_definition_with_equal_rows_once(rows, data):
    excess = data.draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0]), min_size=len(rows), max_size=len(rows)))
    allowed = [n for n in range(len(rows)) if excess[n] == min(excess)]
    best = [n for n in allowed if not any(dominates(rows[other], rows[n]) for other in allowed)]
    assert front_rows(rows, excess) == [n for n in best if rows[n] not in [rows[m] for m in best if m < n]]


@given(st.integers(0, 2**32), st.sampled_from([3, 30, 1_000_000]))
@settings(max_examples=3)
def test_the_front_of_many_rows_is_the_one_that_comparing_all_of_them_gives(seed, kinds):
    rng = random.Random(seed)
    rows = [tuple(rng.randrange(kinds) / 7 for _ in range(3)) for _ in range(1_500)]
    excess = [rng.choice([0.0, 0.0, 0.0, 1.0]) for _ in rows]
    allowed = {row: n for n, row in reversed([*enumerate(rows)]) if not excess[n]}  # of equal ones the first
    front: list[tuple[float, ...]] = []
    for row in sorted(allowed):
        if not any(dominates(member, row) for member in front):
            front.append(row)
    assert front_rows(rows, excess) == sorted(allowed[row] for row in front)


def test_only_bounded_objectives_beyond_the_reference_count_as_violations():
    assert violation((0.5, 1e9, 9.0), (0.3, 1e3, 1.0), THREE) == 0.2
    assert violation((0.3, 1e9, 9.0), (0.3, 1e3, 1.0), THREE) == 0.0


def test_all_that_nothing_dominates_is_on_the_front_of_a_run_whatever_its_population(tmp_path):
    with Archive.create(
        tmp_path, RunConfig(dataset="digits", population=2), objectives=THREE, rungs=(30_000,), seeds=[]
    ) as archive:
        for n in range(40):
            add(archive, n, generation=0, error=0.2 - n / 1000, params=1000 + n)
        add(archive, 40, generation=0, error=0.2, params=1000)  # equal to the first
        add(archive, 41, generation=0, error=0.9, params=1)  # beyond the bound
        add(archive, 42, generation=1, error=0.01, params=1)  # of a generation that has not closed
        archive.individuals.add_slot(0, 43, Individual(f"{43:016x}", "x = 43", 0), ())
        archive.outcomes.add(f"{43:016x}", Failed("train", "nan"), seed=1, images=640)
        assert front_members(archive) == ()
        pair = (f"{0:016x}", f"{1:016x}")
        archive.generations.close(Generation(0, pair, pair, 1.0, {}, 1.0), reference=(0.3, 1e4, 2.0))
        front = front_members(archive)
    assert [member.id for member in front] == [f"{n:016x}" for n in reversed(range(40))]


def add(archive, n, *, generation, error, params):
    id_ = f"{n:016x}"
    archive.individuals.add_slot(generation, n, Individual(id_, f"x = {n}", generation), ())
    archive.outcomes.add(id_, Scored({"error": error, "params": params, "time": 0.5}), seed=1, images=640)


def member(id_, error, *validation_errors):
    finals = {"error": sum(validation_errors) / len(validation_errors)} if validation_errors else {}
    return FrontMember(id_, 0, {"error": error, "params": 10.0, "time": 1.0}, validation_errors, validation_errors,
                       finals=finals)  # fmt: skip


def test_one_lucky_training_is_not_better_than_the_mean_of_several():
    lucky, sure, other = member("aa", 0.01, 0.01), member("bb", 0.01, 0.02, 0.03), member("cc", 0.02, 0.02, 0.02, 0.05)
    assert [m.id for m in ranked([lucky, other, sure], THREE, THREE[0])] == ["bb", "cc", "aa"]
    assert ranked([lucky, other, sure], THREE, THREE[1])[0].id == "aa"


def test_where_nobody_has_more_than_one_final_training_these_decide():
    first, second, none = member("aa", 0.03, 0.02), member("bb", 0.01, 0.03), member("cc", 0.001)
    assert [m.id for m in ranked([second, none, first], THREE, THREE[0])] == ["aa", "bb", "cc"]
