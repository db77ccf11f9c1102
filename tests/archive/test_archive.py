import sqlite3
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi.archive import Archive, Generation, Promotion, canonical_text, front_members, run_summary
from gi.core.errors import ArchiveError, RunError
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Cost, Edit, Failed, Individual, LineType, Origin, Program, Scored, Try

SEED = Origin("gi", "", "corpus/seeds/small.py", 1, "Apache-2.0")
DONOR = Origin("torchvision==0.28.0", "abc", "models/resnet.py", 177, "BSD-3-Clause")
CONFIG = RunConfig(dataset="digits")
THREE = [OBJECTIVES[key] for key in CONFIG.objectives]


def scored(error, params=1000.0, time=0.5):
    return Scored({"error": error, "params": params, "time": time}, Cost(1.0, 0.5, 2.0, 2.5))


def final(test_error, validation_error):
    return Scored({"error": test_error, "validation_error": validation_error})


@pytest.fixture
def archive(tmp_path):
    with Archive.create(
        tmp_path / "run",
        CONFIG,
        objectives=THREE,
        rungs=(30_000,),
        seeds=[Program("x = 1", SEED)],
        command=["gi", "evolve"],
    ) as created:
        yield created


@pytest.fixture
def family(archive):
    """Two seed programs, a child of one, and a grandchild of both."""
    child_edit = Edit("insertion", LineType.NORMALIZATION, 4, "", "nn.BatchNorm2d(8)", DONOR)
    for n, individual in enumerate(
        [
            Individual("aa01", "a", 0, origin=SEED),
            Individual("ab02", "b", 0, origin=SEED),
            Individual("cc03", "c", 1, ("aa01",), (child_edit,)),
            Individual("dd04", "d", 2, ("cc03", "ab02"), (Edit("deletion", LineType.POOLING, 2, "pool", ""),)),
        ]
    ):
        archive.individuals.add_slot(individual.generation, n, individual, individual.tries)
    return archive


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
FIGURE = st.floats(0, allow_infinity=False)
ORIGINS = st.builds(Origin, TEXT, TEXT, TEXT, st.integers(0, 10**6), TEXT)
EDITS = st.builds(
    Edit, TEXT, st.sampled_from(LineType), st.integers(0, 9999), TEXT, TEXT, st.one_of(st.none(), ORIGINS)
)
TRIES = st.lists(st.builds(Try, TEXT, TEXT, TEXT, TEXT), max_size=3).map(tuple)
COSTS = st.builds(Cost, *[st.floats(0, 1e6)] * 4)
OUTCOMES = st.one_of(
    st.builds(Scored, st.fixed_dictionaries(dict.fromkeys(CONFIG.objectives, FIGURE)), COSTS),
    st.builds(Failed, st.sampled_from(["build", "train", "worker"]), TEXT, TEXT, COSTS),
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, st.lists(EDITS, max_size=3).map(tuple), TRIES, st.one_of(st.none(), ORIGINS), OUTCOMES)
def test_every_record_survives_the_round_trip(tmp_path_factory, text, edits, tries, origin, outcome):
    individual = Individual("a0", text, 3, ("a1", "b2"), edits, tries, origin)
    program = Program(text, origin or SEED)
    folder = tmp_path_factory.mktemp("run")
    with Archive.create(folder, CONFIG, objectives=THREE, rungs=(30_000,), seeds=[program]) as archive:
        for n, parent in enumerate(individual.parents):
            archive.individuals.add_slot(0, n, Individual(parent, "", 0), ())
        archive.individuals.add_slot(3, 7, individual, tries)
        archive.outcomes.add("a0", outcome, seed=5, images=10)
    with Archive.open(folder) as archive:
        assert archive.individuals.by_prefix("a0") == individual
        assert archive.seeds() == (program,)
        assert [e.outcome for e in archive.outcomes.evaluations()] == [outcome]
        (slot,) = archive.individuals.slots(3)
        assert (slot.slot, slot.individual, slot.tries) == (7, "a0", tries)


def test_keeps_fingerprints_and_whose_outcome_was_copied(archive):
    for n, (id_, fingerprint) in enumerate([("aa01", "f1"), ("ab02", "f1"), ("cc03", "")]):
        archive.individuals.add_slot(0, n, Individual(id_, id_, 0, fingerprint=fingerprint), ())
    archive.outcomes.add("aa01", scored(0.3), seed=1, images=10)
    archive.outcomes.add("ab02", scored(0.3), seed=1, images=10, copied_from="aa01")
    assert archive.individuals.fingerprints() == {"aa01": "f1", "ab02": "f1"}
    assert archive.individuals.by_prefix("ab02").fingerprint == "f1"
    assert [e.copied_from for e in archive.outcomes.evaluations()] == [None, "aa01"]
    summary = run_summary(archive)
    assert (summary.evaluations, summary.cached, summary.training_cpu_s) == (1, 1, 1.5)


def test_a_lone_surrogate_in_a_failure_does_not_stop_the_run(family):
    family.outcomes.add("aa01", Failed("train", "bad \ud800", "\udfff"), seed=1, images=1)
    assert family.outcomes.failures()[0].reason == "bad \\ud800"


def test_the_run_record_tells_settings_versions_machine_and_command(archive):
    run = archive.run()
    assert (run.config, list(run.objectives), run.reference) == (CONFIG, THREE, None)
    assert run.versions["python"]
    assert run.machine["cores"] >= 1
    assert run.command == ("gi", "evolve")


def test_one_text_and_one_outcome_are_read_alone(family):
    family.outcomes.add("aa01", scored(0.3), seed=2, images=10)
    family.outcomes.add("aa01", scored(0.2), seed=1, images=10)
    family.outcomes.add_retraining("aa01", Failed("train", "nan"), seed=1, images=30)
    assert family.text("cc03") == "c"
    assert family.outcome("aa01") == scored(0.2)
    assert family.outcome("aa01", "test") == Failed("train", "nan")
    assert family.outcome("ab02") is None
    with pytest.raises(ArchiveError, match=r"no individual has the id 'cc'"):
        family.text("cc")


def test_promotions_are_kept_in_the_order_of_the_decisions(family):
    promotions = (Promotion(0, 3, "ab02", 40), Promotion(0, 3, "aa01", 40), Promotion(1, 0, "aa01", 160))
    for promotion in promotions:
        family.individuals.add_promotion(promotion)
    assert family.individuals.promotions() == promotions


def test_a_refused_slot_keeps_its_tries(archive):
    archive.individuals.add_slot(1, 0, None, [Try("tweak", "forward", "shapes differ", "line 3")])
    assert archive.individuals.slots(1)[0].individual is None
    (group,) = archive.outcomes.refusals()
    assert (group.stage, group.reason, group.count, group.example, group.detail) == (
        "forward", "shapes differ", 1, "tweak", "line 3",
    )  # fmt: skip
    assert archive.outcomes.failures() == ()


def test_lineage_ends_with_the_individual_and_starts_with_its_seed_programs(family):
    assert [i.id for i in family.individuals.lineage("dd04")] == ["aa01", "ab02", "cc03", "dd04"]
    assert [i.id for i in family.individuals.lineage("aa01")] == ["aa01"]


def test_parents_operators_and_tries_are_told_of_all_at_once(family):
    individuals = [family.individuals.by_id(id_) for id_ in family.individuals.ids()]
    assert family.individuals.parents() == {i.id: i.parents for i in individuals if i.parents}
    operators = {i.id: tuple(edit.operator for edit in i.edits) for i in individuals if i.edits}
    assert family.individuals.operators() == operators
    generations = {i.generation for i in individuals}
    tries = [t for g in generations for slot in family.individuals.slots(g) for t in slot.tries]
    assert family.individuals.tried() == {
        name: (sum(t.operator == name for t in tries), sum(t.operator == name and t.accepted for t in tries))
        for name in {t.operator for t in tries}
    }


def test_provenance_lists_the_edits_on_the_way_with_their_origins(family):
    steps = family.individuals.provenance("dd04")
    assert [(s.individual, s.edit.operator, s.edit.origin) for s in steps] == [
        ("cc03", "insertion", DONOR),
        ("dd04", "deletion", None),
    ]


def test_an_individual_is_found_by_a_prefix_of_its_id(family):
    assert family.individuals.by_prefix("c").id == "cc03"
    assert family.individuals.by_prefix("aa01").id == "aa01"


@pytest.mark.parametrize(
    ("prefix", "says"),
    [("zz", r"no individual's id starts with 'zz'"), ("a", r"2 individuals' ids start with 'a' \(aa01, ab02")],
)
def test_refuses_a_prefix_of_none_and_of_several(family, prefix, says):
    with pytest.raises(ArchiveError, match=says):
        family.individuals.by_prefix(prefix)


def test_failures_are_grouped_with_their_count_and_first_example(family):
    family.outcomes.add("ab02", Failed("train", "not finite", "step 3"), seed=1, images=10)
    family.outcomes.add("cc03", Failed("worker", "timeout", "60 s"), seed=1, images=10)
    family.outcomes.add("aa01", Failed("train", "not finite", "step 9"), seed=1, images=10)
    family.individuals.add_slot(0, 9, None, [Try("seed", "build", "cannot be fitted", "small.py")])
    groups = [(g.stage, g.reason, g.count, g.example, g.detail) for g in family.outcomes.failures()]
    assert groups == [
        ("train", "not finite", 2, "aa01", "step 9"),
        ("build", "cannot be fitted", 1, "", "small.py"),
        ("worker", "timeout", 1, "cc03", "60 s"),
    ]


def close(archive, front):
    generation = Generation(0, tuple(front), tuple(front), 1.5, {"next": [1, 0]}, 10.0)
    archive.generations.close(generation, reference=[1.0, 1e6, 2.0])
    return generation


def test_the_front_is_sorted_by_the_first_objective_and_has_what_retrainings_gave(family):
    for id_, error, params in [("aa01", 0.3, 500), ("ab02", 0.1, 1000), ("cc03", 0.2, 1000)]:
        family.outcomes.add(id_, scored(error, params), seed=1, images=10)
    assert front_members(family) == ()
    generation = close(family, ["aa01", "ab02"])
    weights = "weights/ab02.pt"
    family.outcomes.add_retraining("ab02", final(0.12, 0.13), seed=8, images=30, weights=weights)
    family.outcomes.add_retraining("ab02", final(0.14, 0.11), seed=7, images=30)
    family.outcomes.add_retraining("ab02", Failed("train", "nan"), seed=9, images=30)
    front = front_members(family)
    assert [(m.id, m.values["error"], m.test_errors, m.validation_errors, m.weights) for m in front] == [
        ("ab02", 0.1, (0.14, 0.12), (0.11, 0.13), weights),
        ("aa01", 0.3, (), (), None),
    ]
    assert [r.test_error for r in family.outcomes.retrainings("ab02")] == [0.14, 0.12, None]
    assert family.generations.all() == (generation,)
    assert family.run().reference == (1.0, 1e6, 2.0)


def test_the_summary_adds_up(family):
    family.outcomes.add("aa01", scored(0.3), seed=1, images=10)
    family.outcomes.add("ab02", Failed("train", "nan", "", Cost(1.0, 0.0, 2.0, 2.0)), seed=1, images=10)
    close(family, ["aa01"])
    family.sessions.set_cost(4.0, 9.0)
    family.sessions.add_event("finished")
    s = run_summary(family)
    assert (s.state, s.generations, s.evaluations, s.failed, s.hypervolume) == ("finished", 0, 2, 1, 1.5)
    assert (s.cpu_s, s.training_cpu_s, s.overhead_cpu_s, s.wall_s) == (4.0, 2.5, 1.5, 9.0)


def test_the_dump_leaves_out_times_costs_and_the_order_of_completion(tmp_path):
    dumps = []
    for name, order, cpu_s in [("a", ["x", "y"], 1.0), ("b", ["y", "x"], 2.0)]:
        with Archive.create(
            tmp_path / name, CONFIG, objectives=THREE, rungs=(30_000,), seeds=[], command=[name]
        ) as archive:
            for n, id_ in enumerate(["x", "y"]):
                archive.individuals.add_slot(0, n, Individual(id_, id_, 0), ())
            for id_ in order:
                archive.outcomes.add(id_, Scored({"error": 0.5}, Cost(cpu_s=cpu_s)), seed=1, images=1)
            dumps.append(canonical_text(archive))
    assert dumps[0] == dumps[1]
    assert 'outcome ["x","validation",1,1,"{\\"error\\":0.5}",null,null,null]' in dumps[0]


def test_readers_see_each_commit_while_the_writer_goes_on(family):
    with Archive.open(family.folder) as reader:
        assert reader.outcomes.evaluations() == ()
        family.outcomes.add("aa01", scored(0.3), seed=1, images=10)
        assert len(reader.outcomes.evaluations()) == 1


def test_many_readers_do_not_hold_the_writer_up(family):
    stop = threading.Event()

    def read():
        while not stop.is_set():
            with Archive.open(family.folder) as reader:
                canonical_text(reader)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(50):
        family.outcomes.add("aa01", scored(0.3), seed=n, images=10)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(family.outcomes.evaluations()) == 50


def test_a_write_that_fails_half_way_leaves_nothing(family):
    before = canonical_text(family)
    with pytest.raises(ArchiveError, match="UNIQUE"):
        family.individuals.add_slot(5, 0, Individual("aa01", "again", 5), [])
    assert canonical_text(family) == before


def test_a_full_disk_is_one_line_and_leaves_the_archive_intact(family):
    before = canonical_text(family)
    family.db.execute(f"PRAGMA max_page_count = {family.db.value('PRAGMA page_count')}")
    with pytest.raises(RunError, match=r"cannot grow .*full.*gi evolve --resume"):
        family.individuals.add_slot(5, 0, Individual("ff", "x" * 100_000, 5), [])
    assert canonical_text(family) == before


def test_a_database_that_turned_read_only_is_one_line(family):
    family.db.execute("PRAGMA query_only = 1")
    with pytest.raises(RunError, match="cannot be written"):
        family.sessions.add_event("x")


def test_sqlite_can_read_the_file_of_a_closed_run_alone(tmp_path):
    Archive.create(tmp_path, CONFIG, objectives=THREE, rungs=(30_000,), seeds=[]).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.lock", "run.sqlite"]
    assert sqlite3.connect(tmp_path / "run.sqlite").execute("PRAGMA journal_mode").fetchone() == ("delete",)
