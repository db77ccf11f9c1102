"""A run through the interface, by the real parts."""

import numpy as np
import pytest

import gi
from gi.api.ending import exported_text
from gi.archive import Archive
from gi.core.errors import RunError
from gi.search.events import GenerationEnded
from tests.small_run import SMALL, write_run

pytestmark = pytest.mark.slow

MISTAKES = {
    "no generations": ({"generations": 0}, "generations is 0: it must be at least 1"),
    "no workers": ({"workers": 0}, "workers is 0: it must be at least 1"),
    "no duration": ({"budget": "20x"}, "budget '20x' is no duration"),
    "one objective": ({"objectives": ["error"]}, "name at least two different ones"),
    "an unknown data set": ({"dataset": "mnits"}, "unknown data set 'mnits'"),
    "no such corpus": ({"corpus": "nowhere.sqlite"}, "nowhere.sqlite: make one with"),
    "arguments without a model": ({"arguments": {"depth": 3}}, "--arg depth=3: it is for a model of your own"),
}


@pytest.mark.parametrize(("options", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_no_folder(options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(gi.GiError, match=told) as raised:
        gi.evolve(**options)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("built_cache")
def test_arrays_evolve_predict_and_go_on(quick, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (60, 8, 8), np.uint8)
    images[::2, :4] += 150
    labels = np.where(np.arange(60) % 2, "dark", "light")
    lines, events = [], []
    run = gi.evolve((images, labels), **quick, out=tmp_path / "run", tell=lines.append, on_event=events.append)
    assert run.state == "finished"
    assert any(isinstance(event, GenerationEnded) for event in events)
    assert any(line.startswith("data: 2 classes, ") for line in lines)
    assert (run.path / "best" / "model.py").is_file()
    best = run.best()
    assert np.mean(best.predict(images) == labels) > 0.9
    assert gi.resume(run, generations=2, tell=lines.append).summary.generations == 2


def test_repair_gives_the_text_and_leaves_the_file(tmp_path):
    (tmp_path / "net.py").write_text(SMALL)
    lines = []
    text = gi.repair(tmp_path / "net.py", input_shape=(3, 8, 8), classes=4, tell=lines.append)
    with pytest.raises(gi.GiError, match="defines no model 'Nit': choose from Net"):
        gi.repair(f"{tmp_path / 'net.py'}:Nit")
    assert "nn.Linear(192, 4)" in text
    assert (tmp_path / "net.py").read_text() == SMALL
    assert lines == [f"{tmp_path / 'net.py'}: made to fit 3 x 8 x 8 images and 4 classes (1 line changed)"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StopIteration(), "the best of the front is not exported: StopIteration"),
        (RunError("the text\n is none."), "the best of the front is not exported: the text is none."),
        (OSError(28, "No space left on device"), "the best of the front is not exported: [Errno 28] No space left"),
    ],
)
def test_an_export_that_fails_costs_a_line_and_not_the_front(tmp_path, monkeypatch, fault, told):
    def failing(*_, **__):
        raise fault

    monkeypatch.setattr("gi.export.export_best", failing)
    with Archive.open(write_run(tmp_path / "run")) as archive:
        assert exported_text(archive).startswith(told)
