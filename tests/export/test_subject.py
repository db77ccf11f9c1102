import dataclasses

import pytest
import torch
from safetensors.torch import load_file

from gi.archive import Archive
from gi.core.errors import ConfigError, RunError
from gi.core.types import Scored, SeededLayer, Seeding
from gi.explain.difference import Change
from gi.explain.records import Explanation, Verdict
from gi.export import export_subject, individual_subject, minimised_subject, refuse_existing
from tests.small_run import BROKEN_ID, CONFIG, DEEP, DEEP_ID, DONOR, SEED_ORIGIN, SMALL_ID, write_run, write_weights

LESS = DEEP.replace("            nn.Hardswish(),\n", "")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def archive(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as opened:
        yield opened


def explanation(**changed):
    dropped = Verdict(Change(1, 13, (13,), "", "nn.Hardswish(),"), "dropped", "within noise without it")
    levels = {"error": (0.02, 0.04)}
    made = {"id": "aa11bb22cc33dd44", "text": LESS, "num_params": 2410, "minimised_levels": levels}
    return Explanation(DEEP_ID, SMALL_ID, verdicts=(dropped,), minimised_tests=(0.05, 0.07), **{**made, **changed})


def test_an_individual_has_its_figures_and_origins(archive):
    subject = individual_subject(archive, DEEP_ID[:4])
    assert (subject.id, subject.num_params) == (DEEP_ID, 2410)
    assert subject.test_errors == pytest.approx((0.04, 0.05))
    assert DONOR in {o.origin for o in subject.origins}


def test_an_individual_that_inherited_says_so(tmp_path):
    seeding = Seeding((SeededLayer("layers.1", SMALL_ID, "layers.1", 10, "inherited"),), won=False, cpu_s=0.0)
    with Archive.annotate(write_run(tmp_path / "run")) as archive:
        assert individual_subject(archive, DEEP_ID).notes == ()
        archive.outcomes.add(DEEP_ID, Scored({"error": 0.1, "params": 9.0}, seeding=seeding), seed=0, images=9000)
        assert individual_subject(archive, DEEP_ID).validation_errors == pytest.approx((0.03, 0.04))
        assert individual_subject(archive, DEEP_ID).notes == ()
    with Archive.annotate(write_run(tmp_path / "interrupted", finished=False)) as archive:
        archive.outcomes.add(DEEP_ID, Scored({"error": 0.1, "params": 9.0}, seeding=seeding), seed=0, images=9000)
        assert individual_subject(archive, DEEP_ID).validation_errors == (0.1,)
        assert "weights of its parent" in individual_subject(archive, DEEP_ID).notes[0]


def test_errors_are_shares_of_wrong_answers_whatever_the_runs_metric_is(tmp_path):
    config = dataclasses.replace(CONFIG, metric="auc")
    with Archive.annotate(write_run(tmp_path / "run", config=config)) as archive:
        values = {"error": 0.3, "validation_error": 0.4, "accuracy": 0.9, "validation_accuracy": 0.8}
        archive.outcomes.add_retraining(SMALL_ID, Scored(values), seed=7, images=1)
        subject = individual_subject(archive, SMALL_ID)
        assert (subject.validation_errors[0], subject.test_errors[0]) == pytest.approx((0.2, 0.1))
        assert subject.notes == ()
    with Archive.annotate(write_run(tmp_path / "interrupted", config=config, finished=False)) as archive:
        assert individual_subject(archive, SMALL_ID).notes == (
            "its validation error is the 1 - AUC that the search minimised",
        )


def test_an_individual_that_failed_is_refused(archive):
    with pytest.raises(ConfigError, match="was not evaluated or failed"):
        individual_subject(archive, BROKEN_ID)


def test_what_minimisation_left_has_figures_and_origins_of_its_own(archive):
    subject = minimised_subject(archive, explanation())
    assert (subject.id, subject.individual) == ("aa11bb22cc33dd44", DEEP_ID)
    assert (subject.validation_errors, subject.test_errors) == ((0.02, 0.04), (0.05, 0.07))
    assert DONOR not in {o.origin for o in subject.origins}
    assert subject.origins[0].origin == SEED_ORIGIN


def test_nothing_dropped_is_the_individual_itself(archive):
    made = minimised_subject(archive, explanation(id=DEEP_ID, text=DEEP))
    assert made == individual_subject(archive, DEEP_ID)


def test_a_line_that_the_seed_program_gave_back_is_its_line(archive):
    from gi.explain.provenance.origins import program_origins
    from tests.small_run import SMALL

    origins = program_origins(archive, DEEP_ID, SMALL)
    assert {o.origin.path for o in origins if o.origin} == {SEED_ORIGIN.path}
    assert not any(o.changed for o in origins)


def test_a_minimised_program_is_written_with_its_figures(archive, tmp_path):
    written = export_subject(archive, minimised_subject(archive, explanation()), tmp_path / "out" / "model.py")
    text = written.model.read_text()
    assert "Hardswish" not in text
    assert "validation error  3.00% +- 1.41% (mean and deviation over 2 trainings)" in text
    assert "test error        6.00% +- 1.41%" in text
    assert "minimised from dee90000: 1 change dropped, 0 kept" in text


def test_its_weights_are_those_of_its_own_training(archive, tmp_path):
    subject = minimised_subject(archive, explanation())
    with pytest.raises(RunError, match="no weights of aa11bb22"):
        export_subject(archive, subject, tmp_path / "m.py", ["weights"])
    state = write_weights(subject.weights, subject.text)
    written = export_subject(archive, subject, tmp_path / "m.py", ["weights"])
    assert torch.equal(load_file(written.weights)["layers.1.weight"], state["layers.1.weight"])


def test_a_notice_stands_beside_the_file_where_a_licence_asks_for_it(archive, tmp_path):
    written = export_subject(archive, individual_subject(archive, DEEP_ID), tmp_path / "out" / "model.py")
    assert written.notice == tmp_path / "out" / "NOTICE"
    notice = written.notice.read_text()
    assert "torchvision==0.28.0, licence BSD-3-Clause" in notice
    assert "gi, licence Apache-2.0" in notice
    assert "Apache License" in notice  # gi's own terms come with gi


def test_files_that_are_there_are_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "m.safetensors").write_text("mine")
    refuse_existing(tmp_path / "m.py")
    with pytest.raises(ConfigError, match=r"m\.safetensors exists: pass --force"):
        refuse_existing(tmp_path / "m.py", kinds=["weights"])
    with pytest.raises(ConfigError, match="another name as --patch"):
        refuse_existing(None, tmp_path / "m.safetensors")
    refuse_existing(tmp_path / "m.py", kinds=["weights"], force=True)
    with pytest.raises(ConfigError, match=r"is no \.py file"):
        refuse_existing(tmp_path / "new.pt", kinds=["weights"])


def test_a_patch_is_of_what_is_left(archive, tmp_path, monkeypatch):
    from gi.core.types import Program
    from gi.export import patch
    from tests.small_run import SMALL

    own = Program(SMALL, SEED_ORIGIN, original=SMALL.encode())
    monkeypatch.setattr(archive, "seeds", lambda: (own,))
    whole = patch.model_patch(archive, individual_subject(archive, DEEP_ID)).content.decode()
    left = patch.model_patch(archive, minimised_subject(archive, explanation())).content.decode()
    assert "+            nn.Hardswish()," in whole
    assert "Hardswish" not in left
    assert "+            nn.Linear(64, 32)," in left
    assert "minimised from dee90000: 1 change dropped" in left
