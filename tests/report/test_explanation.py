import json

import pytest
from rich.console import Console

from gi.archive import Archive
from gi.core.errors import RecordError
from gi.core.settings import RunConfig
from gi.core.types import Origin
from gi.explain.difference import Change
from gi.explain.provenance.sources import individual_explanation
from gi.explain.records import Effect, Explanation, Verdict
from gi.report.explanation import effect_text, explanation_text
from gi.report.individual import explanation_json
from tests.small_run import DEEP_ID, DONOR, SMALL_ID, write_run

CONV = Change(1, 11, (11,), "nn.Conv2d(1, 16, 5),", "nn.Conv2d(1, 16, 3, padding=1),")
RELU = Change(2, 12, (), "nn.ReLU(),", "")
LONG = Origin("https://github.com/someone/somewhere", "0123456789abcdef", "some/folder/model.py", 12, "MIT")
KEPT = Verdict(
    CONV, "kept", "worse without it: error",
    (Effect("error", -0.0123, 0.004), Effect("params", 1664.0), Effect("time", -0.01, 0.05)), 8, ("tweak",), (LONG,),
)  # fmt: skip
DROPPED = Verdict(RELU, "dropped", "computes and trains the same without it", (), 0, ("deletion",))


def made(*verdicts, **settings):
    levels = {"error": (0.01, 0.02), "params": (5040.0, 5040.0)}
    given = {"images": 30000, "levels": levels, "minimised_levels": levels, **settings}
    return Explanation("aa" * 8, "bb" * 8, "cc" * 8, "text", 5040, verdicts, **given)


def lines(explanation, width=80):
    console = Console(width=width, record=True, file=None)
    with console.capture() as captured:
        console.print(explanation_text(explanation), highlight=False)
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (Effect("error", -0.0052, 0.0031), "error -0.52% ± 0.31"),
        (Effect("error", 0.0052, 0.0131), "error +0.52% ± 1.31 (noise)"),
        (Effect("params", -1664.0), "params -1.66k"),
        (Effect("params", 0.0), "params 0"),
        (Effect("time", 0.25, 0.05), "time +0.250 ± 0.050"),
        (Effect("time", 0.0, 0.0), "time 0.000"),
    ],
)
def test_an_effect_is_told_with_its_noise(effect, text):
    assert effect_text(effect) == text


def test_each_change_is_told_with_origin_effects_and_reason():
    text = "\n".join(lines(made(KEPT, DROPPED), width=120))
    assert "aaaaaaaa: 2 changes since its seed program bbbbbbbb, 1 kept, 1 dropped" in text
    for part in (
        "1. line 11, by tweak\n   - nn.Conv2d(1, 16, 5),\n   + nn.Conv2d(1, 16, 3, padding=1),\n",
        "https://github.com/someone/somewhere@0123456789ab some/folder/model.py:12",
        "error -1.23% ± 0.40; params +1.66k; time -0.010 ± 0.050 (noise)",
        "worse without it: error",
        "2. line 12, by deletion\n   - nn.ReLU(),\n   computes and trains the same without it",
    ):
        assert part in text


def test_it_fits_into_80_columns():
    assert max(map(len, lines(made(KEPT, DROPPED)))) <= 80


def test_both_programs_figures_stand_side_by_side():
    text = lines(made(KEPT, DROPPED, tests=(0.02,), minimised_tests=(0.03,)))
    assert any(line.split()[:1] == ["aaaaaaaa"] and "2.00%" in line for line in text)
    assert any(line.startswith("cccccccc, minimised") and "3.00%" in line for line in text)


def test_what_was_not_measured_says_so():
    text = "\n".join(lines(made(Verdict(CONV, "kept", "not measured"), levels={}, minimised_levels={})))
    assert text.count("not measured") == 1
    assert "--measure" in text


def test_a_long_change_is_cut():
    change = Change(1, 3, (3,), "", "\n".join(f"row {n}" for n in range(40)))
    text = "\n".join(lines(made(Verdict(change, "kept"))))
    assert "+ ... 28 more lines" in text


def test_a_seed_program_has_no_changes():
    assert lines(made()) == ["aaaaaaaa is a seed program: nothing changed."]


def test_trainings_that_ran_out_are_reported():
    assert "the same command goes on" in " ".join(lines(made(KEPT, finished=False)))


def test_the_record_survives_json():
    explanation = made(KEPT, DROPPED, tests=(0.02,))
    assert Explanation.from_json(json.loads(json.dumps(explanation.to_json()))) == explanation
    told = json.loads(json.dumps(explanation_json(explanation)))
    assert [c["status"] for c in told["changes"]] == ["kept", "dropped"]
    assert [e["within_noise"] for e in told["changes"][0]["effects"]] == [False, False, True]
    assert told["changes"][0]["origins"][0]["licence"] == "MIT"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("verdicts", 3, "Expected `array`, got `int` at `verdicts`"), ("levels", {"error": "x"}, "got `str` at `levels")],
)
def test_a_stored_explanation_that_is_none_is_refused_in_one_line(field, value, says):
    stored = made(KEPT).to_json() | {field: value}
    with pytest.raises(RecordError, match=f"an explanation of the run file cannot be read: .*{says}"):
        Explanation.from_json(stored)


def test_changes_without_a_measurement_have_their_edits_and_origins(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as archive:
        told = individual_explanation(archive, DEEP_ID)
        assert individual_explanation(archive, SMALL_ID).verdicts == ()
    (borrowed,) = [v for v in told.verdicts if v.origins]
    assert (borrowed.change.after, borrowed.operators, borrowed.origins) == (
        "nn.Hardswish(),",
        ("insertion",),
        (DONOR,),
    )
    assert {v.reason for v in told.verdicts} == {"not measured"}


def test_effects_and_figures_are_named_by_the_metric_of_the_run():
    config = RunConfig(dataset="digits", metric="auc")
    assert effect_text(Effect("error", -0.0052, 0.0031), config.objective) == "1 - AUC -0.52% ± 0.31"
    console = Console(width=80)
    with console.capture() as captured:
        console.print(explanation_text(made(DROPPED), config.objective))
    assert "1 - AUC" in captured.get()
