from gi.archive import Archive
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.sandbox.process_cpu import CpuClock
from gi.search.evolve import evolve
from gi.search.logbook import population_statistics
from gi.search.search import Search
from tests.stand_ins import parts

CONFIG = RunConfig(dataset="digits", generations=3, population=6, images=30_000, final_seeds=1, clock="model", seed=4)


def test_each_objective_has_a_chapter_with_least_median_and_largest_value():
    statistics = population_statistics([OBJECTIVES["error"], OBJECTIVES["params"]])
    assert statistics.compile([(0.3, 10), (0.1, 30), (0.2, 20)]) == {
        "error": {"min": 0.1, "median": 0.2, "max": 0.3},
        "params": {"min": 10, "median": 20, "max": 30},
    }


def test_a_run_logs_each_generation_and_a_resumed_one_has_the_same_log(tmp_path):
    evolve(CONFIG, tmp_path, workers=2, parts=parts())
    with Archive.annotate(tmp_path) as archive, parts()(CONFIG, workers=1, cost_model=None) as made:
        search = Search(archive, made, CpuClock(), lambda event: None, lambda: False)
        search.run_generations()
        values = {e.individual: e.outcome.values for e in archive.outcomes.evaluations("validation")
                  if hasattr(e.outcome, "values")}  # fmt: skip
        generations = archive.generations.all()
    assert search.closing.logbook.select("gen") == [0, 1, 2, 3]
    assert search.closing.logbook.select("hypervolume") == [generation.hypervolume for generation in generations]
    errors = [min(values[id_]["error"] for id_ in generation.population) for generation in generations]
    assert search.closing.logbook.chapters["error"].select("min") == errors
