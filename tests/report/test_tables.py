import dataclasses
import json

import pytest

from gi.archive import Archive, front_members, run_summary
from gi.core.errors import ArchiveError, ConfigError
from gi.core.types import Individual
from gi.export import best_member
from gi.report.answers import failures_json, front_json, summary_json
from gi.report.individual import show_json
from gi.report.printing import front_plot, print_failures, print_front, print_individual
from gi.report.table import front_table
from tests.small_run import BROKEN_ID, CONFIG, DEEP_ID, DONOR, SMALL, SMALL_ID, retrain, scored, write_run


@pytest.fixture
def archive(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as opened:
        yield opened


def test_the_front_says_which_split_and_how_many_seeds(archive, capsys):
    print_front(archive)
    title, heading, *rows = capsys.readouterr().out.splitlines()
    assert title == "digits: front of 2 after generation 1, hypervolume 2.2500"
    assert "error (validation)" in heading
    assert "test error (2 seeds)" in heading
    assert [row.split()[0] for row in rows] == [DEEP_ID[:8], SMALL_ID[:8]]
    assert "4.50% ± 0.71" in rows[0]


def test_the_first_row_is_the_member_that_is_exported_as_the_best_and_one_seed_is_no_plural(tmp_path, capsys):
    folder = write_run(tmp_path / "run", finished=False)
    with Archive.resume(folder) as archive:
        retrain(archive, DEEP_ID, (0.04,))
        retrain(archive, SMALL_ID, (0.04,))
        print_front(archive)
        best = best_member(front_members(archive), archive.run().objectives, "error").id
    _, heading, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [SMALL_ID[:8], DEEP_ID[:8]], "the smaller one of two equal errors"
    assert best == SMALL_ID
    assert "validation error (1 seed)  test error (1 seed)" in heading


def test_piped_tables_have_no_trailing_blanks_and_no_colour(archive, capsys):
    print_front(archive)
    out = capsys.readouterr().out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert "\x1b" not in out


def test_a_run_without_a_front_says_so(tmp_path, capsys):
    from gi.core.objectives import OBJECTIVES
    from tests.small_run import CONFIG

    Archive.create(
        tmp_path, CONFIG, objectives=[OBJECTIVES["error"], OBJECTIVES["params"]], rungs=(30_000,), seeds=[]
    ).close()
    with Archive.open(tmp_path) as archive:
        print_front(archive)
    assert "has no front yet" in capsys.readouterr().out


def test_front_json_keeps_its_contract(archive):
    answer = json.loads(json.dumps(front_json(archive)))
    assert [o["name"] for o in answer["objectives"]] == ["error", "params", "time"]
    assert {tuple(o) for o in answer["objectives"]} == {("name", "unit", "goal")}
    assert answer["reference"] == [1.0, 3000, 3.0]
    first = answer["front"][0]
    assert (first["id"], first["generation"], first["params"], first["seeds"]) == (DEEP_ID, 1, 2410, 2)
    assert first["test_error_mean"] == pytest.approx(0.045)
    assert first["test_error_sd"] == pytest.approx(0.00707, abs=1e-5)
    assert first["validation_error_mean"] == pytest.approx(0.035)


def test_the_top_of_a_front_has_the_best_by_each_objective_and_json_is_whole_without_it(tmp_path, capsys):
    with Archive.annotate(write_run(tmp_path / "run")) as archive:
        for n in range(4):
            id_ = f"{n}" * 16
            archive.individuals.add_slot(1, 9 + n, Individual(id_, f"x = {n}", 1), ())
            archive.outcomes.add(id_, scored(0.04 + n / 100, 2400 - 300 * n, 0.3), seed=1, images=640)
        print_front(archive, 3)
        assert len(front_json(archive)["front"]) == 6
        best = front_json(archive, 3)["front"]
        assert [member["id"] for member in front_json(archive, 1)["front"]] == [DEEP_ID]
        assert len(front_json(archive, 100)["front"]) == 6
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("digits: 3 of a front of 6 after generation 1,")
    assert {row.split()[0] for row in rows} == {member["id"][:8] for member in best}
    assert [row.split()[0] for row in rows][:2] == [DEEP_ID[:8], SMALL_ID[:8]], "those with final trainings come first"
    assert {DEEP_ID, SMALL_ID} < {member["id"] for member in best}


def test_members_that_were_not_retrained_have_no_test_error(tmp_path):
    with Archive.open(write_run(tmp_path / "run", finished=False)) as archive:
        assert "test_error_mean" not in front_json(archive)["front"][0]


def test_summary_json_keeps_its_contract(archive):
    answer = summary_json(run_summary(archive))
    contract = {"run", "generations", "evaluations", "cached", "failed", "cpu_s", "wall_s", "hypervolume", "front"}
    assert contract <= set(answer)


def test_failures_are_listed_by_stage_and_reason(archive, capsys):
    print_failures(archive.outcomes.failures())
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["train", "nan", "1", BROKEN_ID[:8], "the", "loss", "is", "nan"]
    assert failures_json(archive.outcomes.failures())[0]["count"] == 1
    assert failures_json(archive.outcomes.refusals())[0]["reason"] == "wrong output shape"


def test_no_failures_is_a_line_too(capsys):
    print_failures([])
    assert capsys.readouterr().out == "nothing failed.\n"


def test_source_goes_into_a_pipe_as_it_is(archive, capsys):
    print_individual(archive, SMALL_ID, "source")
    assert capsys.readouterr().out == SMALL


def test_the_diff_is_to_the_seed_program(archive, capsys):
    print_individual(archive, DEEP_ID[:4], "diff")
    out = capsys.readouterr().out
    assert f"--- {SMALL_ID[:8]}\n+++ {DEEP_ID[:8]}" in out
    assert "+            nn.Hardswish()," in out


def test_the_lineage_names_every_edit_with_its_origin(archive, capsys):
    print_individual(archive, DEEP_ID, "lineage")
    out = capsys.readouterr().out
    assert "seed program" in out
    assert "torchvision/models/resnet.py:177 (BSD-3-Clause)" in out


def test_the_provenance_names_the_donor_of_each_change(archive, capsys):
    print_individual(archive, DEEP_ID, "provenance")
    out = capsys.readouterr().out
    assert out.startswith(f"{DEEP_ID[:8]}: 3 changes since its seed program {SMALL_ID[:8]}\n")
    assert "   + nn.Hardswish(),\n   from torchvision==0.28.0 torchvision/models/resnet.py:177 (BSD-3-Clause)\n" in out
    assert "not measured" in out


def test_show_json_has_the_text_the_values_and_the_origins(archive):
    answer = json.loads(json.dumps(show_json(archive, DEEP_ID)))
    assert answer["values"]["params"] == 2410
    assert answer["parents"] == [SMALL_ID]
    assert any(line["origin"] and line["origin"]["path"] == DONOR.path for line in answer["provenance"])
    assert show_json(archive, BROKEN_ID)["failure"]["reason"] == "nan"


def test_an_unknown_individual_is_refused(archive):
    with pytest.raises(ArchiveError, match="no individual's id starts with 'zz'"):
        print_individual(archive, "zz", "source")


def test_the_plot_is_a_png(archive, tmp_path):
    front_plot(archive, tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front.png", "run"]


def test_another_picture_format_is_refused(archive, tmp_path):
    with pytest.raises(ConfigError, match="the picture is a PNG or an SVG"):
        front_plot(archive, tmp_path / "front.pdf")


def test_a_member_with_fewer_final_trainings_than_the_heading_says_how_many(tmp_path):
    folder = write_run(tmp_path / "run", finished=False)
    with Archive.annotate(folder) as archive:
        retrain(archive, DEEP_ID, (0.04, 0.05))
        retrain(archive, SMALL_ID, (0.09,))
        table = front_table(archive.run(), run_summary(archive))
    headings = [str(column.header) for column in table.columns]
    errors = [*table.columns[headings.index("test error (2 seeds)")].cells]
    assert sorted(errors) == ["4.50% ± 0.71", "9.00% (1 seed)"]


def test_the_front_says_which_metric_it_shows_and_the_accuracy_beside_it(tmp_path):
    config = dataclasses.replace(CONFIG, metric="auc")
    with Archive.open(write_run(tmp_path / "run", config=config)) as archive:
        table = front_table(archive.run(), run_summary(archive))
    headings = [str(column.header) for column in table.columns]
    assert headings[1] == "1 - AUC (validation)"
    assert {"validation 1 - AUC (2 seeds)", "test 1 - AUC (2 seeds)", "test accuracy (2 seeds)"} <= {*headings}
    assert next(iter(table.columns[headings.index("test accuracy (2 seeds)")].cells)).startswith("95.50%")


def test_a_lineage_names_the_metric_of_its_run(tmp_path, capsys):
    config = dataclasses.replace(CONFIG, metric="balanced-error")
    with Archive.open(write_run(tmp_path / "run", config=config)) as archive:
        print_individual(archive, DEEP_ID, "lineage")
    assert "balanced error" in capsys.readouterr().out.splitlines()[0]
