import dataclasses
import json
import re

import pytest

from gi.archive import Archive, Generation
from gi.cli import run
from gi.core.errors import ConfigError
from gi.core.objectives import OBJECTIVES
from gi.core.types import Failed, Individual, Origin, Program, Try
from gi.report.page import descent, write_page
from gi.report.page.content import page_content
from gi.report.page.writing import page_text
from tests.small_run import BROKEN_ID, CONFIG, DEEP, DEEP_ID, SMALL, SMALL_ID, scored, write_run

OBEYED = (
    "</script><script>document.title = 'obeyed'</script><!-- "
    "<img src=http://192.0.2.1/x onerror=alert(1)> \x1b[2J\u202e"
)


@pytest.fixture
def told(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as archive:
        return page_content(archive)


def page_of(archive):
    return page_text(page_content(archive))


def stored(page):
    """The content of a page as a browser reads it."""
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page)[1])


def test_individuals_are_numbers_and_each_training_is_a_point(told):
    assert told["individuals"]["id"] == [SMALL_ID, DEEP_ID, BROKEN_ID]
    assert told["individuals"]["parents"] == [[], [0], [0]]
    assert told["points"] == {"individual": [0, 1], "images": [640, 640]}
    assert told["front"] == [1, 0]
    assert [row[0] for row in told["members"]["rows"]] == [1, 0]
    assert "4.50% ± 0.71" in told["members"]["rows"][0][1]
    assert told["failed"] == {2: ["train: nan, on 640 images. the loss is nan"]}
    assert told["failures"][0]["count"] == 1


def test_axes_say_split_unit_and_number_of_seeds_and_are_logarithmic_where_the_objective_is(told):
    titles = {axis["key"]: axis["title"] for axis in told["axes"]}
    assert titles["error"] == "validation error, 1 training (1 seed)"
    assert titles["final test"] == "test error, mean of the final trainings (up to 2 seeds)"
    assert [axis["key"] for axis in told["axes"]][:3] == list(CONFIG.objectives)
    assert all(axis["log"] == OBJECTIVES[axis["key"]].log for axis in told["axes"] if axis["key"] in OBJECTIVES)
    assert told["axes"][0]["values"] == [0.08, 0.03]
    assert told["axes"][-1]["values"] == [0.1, 0.045]


def test_progress_and_operators_are_counted(told):
    history = told["generations"]
    assert (history["cpu_s"], history["hypervolume"], history["images"]) == ([1, 2], [1.5, 2.25], [640, 640])
    assert history["best"]["error"] == [0.08, 0.03]
    # tries, accepted, individuals edited, of them bred, on the front, behind it
    assert told["operators"] == [
        ["deletion", 1, 0, 0, 0, 0, 0],
        ["insertion", 1, 1, 1, 0, 1, 1],
        ["tweak", 1, 1, 0, 0, 0, 0],
    ]


def test_sources_edits_and_origins_with_licence_are_there(told):
    assert told["sources"] == {0: SMALL, 1: DEEP, 2: SMALL + "\n"}
    assert "torchvision/models/resnet.py:177 (BSD-3-Clause)" in told["edits"][1][0]
    assert told["edits"][0] == ["seed program of gi corpus/seeds/small.py (Apache-2.0)"]
    donor = "torchvision==0.28.0 torchvision/models/resnet.py:177 (BSD-3-Clause)"
    assert told["origins"][1]["parts"][0][3:] == ["insertion", donor, "BSD-3-Clause"]


def test_what_final_trainings_showed_is_there_with_the_pictures_that_were_kept(told):
    assert set(told["diagnoses"]) == {0, 1}
    diagnosis = told["diagnoses"][1]
    assert (diagnosis["images"], len(diagnosis["curves"])) == (1280, 2)
    assert diagnosis["mistakes"][0] == [7, 4, 9, 0.001]
    assert diagnosis["confusion"][-1] == (3, 5, 2)
    assert set(told["pictures"]) == {7, 31}


def test_settings_versions_and_data_are_told(tmp_path):
    with Archive.resume(write_run(tmp_path / "run")) as archive:
        names = [f"class {number}" for number in range(30)]
        archive.sessions.add_event("data", classes=30, class_names=names, input_shape=[1, 8, 8], training_samples=1200)
        tables = {title: dict(map(tuple, rows)) for title, rows in page_content(archive)["made"]}
    assert tables["Data"] == {
        "data set": "digits",
        "classes": "30",
        "class names": ", ".join([*names[:20], "10 more"]),
        "input shape": "1, 8, 8",
        "training samples": "1200",
    }
    assert tables["Configuration"]["population"] == "2"
    assert {"python", "torch", "gi"} <= set(tables["Versions"])


@pytest.mark.parametrize(("limit", "is_kept"), [(None, True), (1000, True), (100, False)])
def test_a_front_tells_of_its_limits_only_where_nothing_keeps_them(tmp_path, limit, is_kept):
    config = dataclasses.replace(CONFIG, max_params=limit)
    with Archive.open(write_run(tmp_path / "run", config=config)) as archive:
        members = page_content(archive)["members"]
    assert ("limits" in members["headings"]) != is_kept
    assert all(len(row[1]) == len(members["headings"]) for row in members["rows"])
    assert all(row[1][-1] == "beyond the limits" for row in members["rows"]) != is_kept


def test_beyond_a_number_of_individuals_sources_are_the_fronts_and_what_is_behind_it(tmp_path, monkeypatch):
    monkeypatch.setattr(descent, "MOST_SOURCES", 2)
    monkeypatch.setattr(descent, "MOST_TRACED", 1)
    with Archive.open(write_run(tmp_path / "run")) as archive:
        told = page_content(archive)
    assert set(told["sources"]) == {0, 1}
    assert set(told["origins"]) == {0}, "the other one has too many ancestors"


def test_the_front_of_a_generation_is_measured_on_the_rung_that_it_was_of(tmp_path):
    with Archive.create(tmp_path, CONFIG, objectives=[OBJECTIVES[k] for k in CONFIG.objectives], rungs=(640, 2560),
                        seeds=[]) as archive:  # fmt: skip
        archive.individuals.add_slot(0, 0, Individual(SMALL_ID, SMALL, 0, tries=(Try("seed"),)), (Try("seed"),))
        archive.outcomes.add(SMALL_ID, scored(0.08, 650, 0.2), seed=1, images=640)
        first = Generation(0, (SMALL_ID,), (SMALL_ID,), 0.0, {}, 1.0, images=640)
        archive.generations.close(first, reference=(1.0, 3000, 3.0))
        archive.outcomes.add(SMALL_ID, scored(0.02, 650, 0.2), seed=1, images=2560)
        second = Generation(1, (SMALL_ID,), (SMALL_ID,), 1.5, {}, 2.0, images=2560)
        archive.generations.close(second, reference=(1.0, 3000, 3.0))
        history = page_content(archive)["generations"]
    assert history["images"] == [640, 2560]
    assert history["best"]["error"] == [0.08, 0.02]


def test_a_run_whose_first_generation_has_not_closed_has_a_page(tmp_path):
    seeds = [Program(SMALL, Origin("gi", "", "small.py", 1, "Apache-2.0"))]
    with Archive.create(tmp_path, CONFIG, objectives=[OBJECTIVES[k] for k in CONFIG.objectives], rungs=(640,),
                        seeds=seeds) as writer:  # fmt: skip
        with Archive.open(tmp_path) as reader:
            assert stored(page_of(reader))["points"] == {"individual": [], "images": []}
        writer.individuals.add_slot(0, 0, Individual(SMALL_ID, SMALL, 0, tries=(Try("seed"),)), (Try("seed"),))
        writer.outcomes.add(SMALL_ID, scored(0.08, 650, 0.2), seed=1, images=640)
        with Archive.open(tmp_path) as reader:
            told = stored(page_of(reader))
            assert state_of(told) == "running"
    assert (told["front"], told["points"]["individual"]) == ([], [0])
    with Archive.open(tmp_path) as reader:
        assert state_of(page_content(reader)) == "cut off; it can be resumed"


def state_of(told):
    return dict(map(tuple, told["facts"]))["state"]


def hostile_run(folder):
    origin = Origin(OBEYED, OBEYED, OBEYED, 1, OBEYED)
    config = dataclasses.replace(CONFIG, dataset=OBEYED.replace("/", "\\"))
    return write_run(folder, config=config, home=origin, donor=origin, failure=Failed("train", OBEYED, OBEYED * 9))


def test_the_page_loads_nothing_and_holds_foreign_text_as_text(tmp_path):
    with Archive.open(hostile_run(tmp_path / "run")) as archive:
        page = page_of(archive)
    own = page.replace(re.search(r"<script>(.*?)</script>", page, flags=re.DOTALL)[1], "")  # without Plotly
    assert "default-src 'none'" in own
    assert own.count("<script") == own.count("</script") == 3
    asks = r"""\b(?:src|href)\s*=|url\(|@import|\bfetch\(|XMLHttpRequest|innerHTML"""
    assert not re.search(asks, own.replace("src=http", "").replace('href="data:,"', ""))
    assert "\x1b" not in own
    assert "\u202e" not in own
    assert stored(page)["failures"][0]["reason"] == OBEYED.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")


def test_the_verb_writes_a_page_and_replaces_one_only_where_it_is_told_to(tmp_path, capsys):
    made, page = write_run(tmp_path / "run"), tmp_path / "report.html"
    assert run(["report", str(made), "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert run(["report", str(made), "-o", str(page)]) == 2
    assert "pass --force" in capsys.readouterr().err
    assert run(["report", str(made), "-o", str(page), "--force"]) == 0
    assert run(["report", str(made), "-o", str(tmp_path / "report.pdf")]) == 2
    assert "name it something.html" in capsys.readouterr().err


def test_without_plotly_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    with Archive.open(write_run(tmp_path / "run")) as archive, pytest.raises(ConfigError, match=r"gi\[report\]"):
        write_page(archive, tmp_path / "report.html")
