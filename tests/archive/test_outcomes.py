import pytest

from gi.archive import Archive
from gi.cli import run as gi
from gi.core.types import Cost, Failed, Scored, SeededLayer, Seeding
from tests.small_run import BROKEN_ID, DEEP_ID, SMALL_ID, write_run

SEEDING = Seeding(
    (SeededLayer("conv1", "resnet18", "conv1", 16, "connected"), SeededLayer("conv2", "net", "3", 8, "rescaled")),
    won=True,
    cpu_s=0.125,
)

FIGURES = {"error": 0.1, "params": 9.0, "time": 0.5}


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", finished=False)


def test_the_archive_tells_which_layer_came_from_which_network(run):
    with Archive.annotate(run) as archive:
        archive.outcomes.add(SMALL_ID, Scored(FIGURES, Cost(), SEEDING), seed=9, images=99)
        assert archive.outcomes.seeding(SMALL_ID) == SEEDING
        assert archive.outcomes.seeding(DEEP_ID) is None
        assert archive.outcomes.seeding(SMALL_ID, "test") is None


def test_a_twin_began_as_the_one_that_was_trained(run):
    with Archive.annotate(run) as archive:
        archive.outcomes.add(SMALL_ID, Scored(FIGURES, Cost(), SEEDING), seed=9, images=99)
        for outcome in (Scored(FIGURES, Cost(), SEEDING), Scored(FIGURES)):  # as known, as read again
            archive.outcomes.add(DEEP_ID, outcome, seed=len(outcome.values) + bool(outcome.seeding), images=99,
                                copied_from=SMALL_ID)  # fmt: skip
            assert archive.outcomes.seeding(DEEP_ID) == SEEDING


def test_a_failure_leaves_no_seeding(run):
    with Archive.annotate(run) as archive:
        archive.outcomes.add(BROKEN_ID, Failed("train", "nan"), seed=9, images=99)
        assert archive.outcomes.seeding(BROKEN_ID) is None


def test_a_run_without_an_index_has_no_such_tables(run):
    with Archive.open(run) as archive:
        assert archive.outcomes.seeding(SMALL_ID) is None


def test_show_tells_where_the_weights_came_from(run, capsys):
    with Archive.annotate(run) as archive:
        archive.outcomes.add(SMALL_ID, Scored(FIGURES, Cost(), SEEDING), seed=9, images=99)
    assert gi(["show", str(run), SMALL_ID, "--provenance"]) == 0
    assert "conv1: 16 channels of conv1 in resnet18 (connected)" in capsys.readouterr().out


INHERITED = SeededLayer("conv1", SMALL_ID, "conv0", 8, "inherited")
DONATED = SeededLayer("conv2", "net", "3", 8, "connected")


@pytest.mark.parametrize(
    ("layers", "won", "told", "untold"),
    [
        ((INHERITED,), False, ["its parent:", f"conv1: 8 channels of conv0 in {SMALL_ID} (inherited)"], "lost"),
        ((INHERITED, DONATED), True, ["its parent:", "the index:", "in net (connected)"], "lost"),
        ((INHERITED, DONATED), False, ["its parent:", "Weights of net lost their race"], "(connected)"),
        ((DONATED,), False, ["as the program says.", "Weights of net lost their race"], "parent:"),
        ((), False, ["as the program says: no network of the index fits"], "lost"),
    ],
)
def test_show_tells_what_was_inherited_and_what_lost(run, capsys, layers, won, told, untold):
    with Archive.annotate(run) as archive:
        archive.outcomes.add(DEEP_ID, Scored(FIGURES, Cost(), Seeding(layers, won, 0.0)), seed=9, images=99)
    assert gi(["show", str(run), DEEP_ID, "--provenance"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(text in out for text in told)
    assert untold not in out


def test_inherited_layers_are_told_from_donated_ones():
    seeding = Seeding((INHERITED, DONATED), won=False, cpu_s=0.0)
    assert (seeding.inherited, seeding.donated) == ((INHERITED,), (DONATED,))
