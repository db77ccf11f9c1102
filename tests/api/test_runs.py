"""A run as other code reads it."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import gi
from gi.core.types import Origin
from gi.data.dataset import load_dataset, open_split
from tests.api.conftest import built
from tests.small_run import BROKEN_ID, DEEP, DEEP_ID, SMALL_ID, write_run


@pytest.fixture
def run(run_folder):
    return gi.open_run(run_folder)


def test_the_front_is_that_of_the_command_line(run):
    assert [member.id for member in run.front] == [DEEP_ID, SMALL_ID]
    best = run.front[0]
    assert (best.source, best.generation, best.parents) == (DEEP, 1, (SMALL_ID,))
    assert best.values["params"] == 2410
    assert best.test_errors == (0.04, 0.05)
    assert best.validation_errors == (pytest.approx(0.03), pytest.approx(0.04))
    assert [row["id"] for row in run.front.rows()] == [DEEP_ID, SMALL_ID]
    assert run.state == "finished"
    assert run.config.dataset == "digits"


def test_individuals_are_found_by_the_beginning_of_their_id(run):
    assert run.individual(SMALL_ID[:4]).id == SMALL_ID
    broken = run.individual(BROKEN_ID)
    assert broken.failure.reason == "nan"
    assert broken.values == {}
    with pytest.raises(gi.GiError, match="no individual's id starts with 'ffff'"):
        run.individual("ffff")


def test_the_best_is_chosen_as_exports_choose(run):
    assert run.best().id == DEEP_ID
    assert run.best("params").id == SMALL_ID
    with pytest.raises(gi.GiError, match="--best beauty: choose from"):
        run.best("beauty")


def test_a_folder_without_a_run_is_refused_at_once(tmp_path):
    with pytest.raises(gi.GiError, match="holds no run"):
        gi.open_run(tmp_path)


def test_build_gives_a_plain_module_with_the_trained_weights(run):
    net = run.best().build()
    assert isinstance(net, nn.Module)
    assert not net.training
    expected = built(DEEP).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in net.state_dict().items())
    assert run.best().build(trained=False).training


def test_an_individual_without_weights_says_how_to_train_it(tmp_path):
    member = gi.open_run(write_run(tmp_path / "run", finished=False)).front[0]
    with pytest.raises(gi.GiError, match=r"no weights of dee90000.*gi.resume\('.*run'\).*build\(trained=False\)"):
        member.build()
    assert isinstance(member.build(trained=False), nn.Module)


def test_a_program_that_fails_to_build_is_one_line(run, monkeypatch):
    import dataclasses

    broken = dataclasses.replace(run.best(), source=DEEP.replace("nn.Linear(32, 10)", "nn.Linear(32, -1)"))
    with pytest.raises(gi.GiError, match=r"^dee90000 cannot be built: RuntimeError: Trying to create tensor"):
        broken.build()


def test_predictions_come_from_a_worker_and_are_those_of_the_built_network(run):
    images, _ = open_split(load_dataset("digits", cache=run_cache()).path, "test")
    member = run.best()
    probabilities = member.predict_proba(images[:50])
    names = member.predict(images[:50, 0])
    with torch.no_grad():
        expected = member.build()(member.inputs(images[:50])).double().softmax(1).numpy()
    assert probabilities.shape == (50, 10)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert names.tolist() == [str(n) for n in expected.argmax(1)]


def run_cache():
    from gi.core.settings import cache_folder

    return cache_folder()


def test_image_files_are_brought_to_the_size_of_the_data(run, tmp_path):
    from PIL import Image

    Image.new("RGB", (30, 20), "white").save(tmp_path / "white.png")
    inputs = run.best().inputs([tmp_path / "white.png", str(tmp_path / "white.png")])
    assert inputs.shape == (2, 1, 8, 8)
    assert inputs.dtype == torch.float32
    assert run.best().inputs(tmp_path / "white.png").shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (np.zeros((2, 9, 9)), "images are 9x9 in 1 channel: the network takes 8x8 in 1 channel"),
        (np.zeros((8, 8)), "expected \\(n, h, w\\)"),
        (np.full((1, 8, 8), 3.0), "expected uint8, or real numbers from 0 to 1"),
        ("nowhere.png", "nowhere.png"),
    ],
)
def test_other_images_are_refused_in_one_line(run, images, told):
    with pytest.raises(gi.GiError, match=told):
        run.best().inputs(images)


def test_what_is_held_outlives_the_folder_and_pickling(run, run_folder):
    import shutil

    held = run.best().held()
    shutil.rmtree(run_folder)
    again = pickle.loads(pickle.dumps(held))
    assert again == held
    inputs = again.inputs(np.zeros((1, 8, 8)))
    assert again.build()(inputs).shape == (1, 10)


def test_notebooks_show_runs_fronts_and_individuals_with_quoted_texts(tmp_path):
    home = Origin("<script>alert(1)</script>", "", "a.py", 1, "Apache-2.0")
    run = gi.open_run(write_run(tmp_path / "<i>run<_i>", home=home))
    shown = run._repr_html_() + run.front._repr_html_() + run.individual(BROKEN_ID)._repr_html_()
    assert "<table>" in shown
    assert DEEP_ID[:8] in shown
    assert "4.50%" in shown
    assert "class Net(nn.Module):\n" in shown
    assert "train: nan" in shown
    assert "<script>" not in shown
    assert "&lt;i&gt;run" in shown


def test_a_hostile_source_is_shown_and_not_obeyed(run):
    import dataclasses

    hostile = dataclasses.replace(run.best(), source="</pre><script>\u202e\x1b[2J")
    assert "&lt;/pre&gt;&lt;script&gt;\\u202e\\x1b[2J" in hostile._repr_html_()


def test_a_run_exports_its_members(run, tmp_path):
    written = run.front[1].export(tmp_path / "out" / "model.py", weights=True)
    assert written.weights.is_file()
    assert "class Net" in written.model.read_text()
    with pytest.raises(gi.GiError, match="exists: pass --force"):
        run.front[1].export(tmp_path / "out" / "model.py")
