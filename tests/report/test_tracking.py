import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from gi.archive import FrontMember, RunRecord, RunSummary
from gi.core.errors import ConfigError
from gi.core.settings import RunConfig
from gi.report.tracking import MlflowTracker, TensorboardTracker, Tracked, client_tracker
from gi.search.events import Finished, GenerationEnded, Opened

BEST = {"error": 0.03, "params": 1210.0, "time": 0.13}
MEMBER = FrontMember("5a11000000000001", 0, BEST, test_errors=(0.04, 0.06), validation_errors=(0.03, 0.05))


def events(folder, state="finished", **settings):
    config = RunConfig(dataset="digits", generations=1, **settings)
    objectives = tuple(map(config.objective, config.objectives))
    summary = RunSummary(str(folder), state, 1, 4, 0, 1, 1.0, 0.9, 0.1, 1.0, 2.0, (MEMBER,))
    yield Opened(folder, RunRecord(config, objectives, None, {}, {}, (), 17.0, (640,)), summary, (), {})
    for number in range(2):
        yield GenerationEnded(number, 1, 8, 1, 2.0 * number, BEST, {"train: nan": 1}, 9, 30.0, members=(MEMBER,))
    yield Finished(summary)


class Mlflow:
    """Stands in for the module mlflow: the calls that gi makes of it, with its signatures and its rules."""

    def __init__(self):
        self.runs, self.active, self.experiment = {}, None, None

    def set_experiment(self, experiment_name=None, experiment_id=None):
        self.experiment = experiment_name

    def search_runs(self, experiment_ids=None, filter_string="", run_view_type=1, max_results=100000, order_by=None,
                    output_format="pandas"):  # fmt: skip
        assert output_format == "list", "pandas is none of gi's needs"
        key = filter_string.removeprefix("tags.gi_run = '").removesuffix("'")
        found = [id_ for id_, run in self.runs.items() if run["tags"].get("gi_run") == key]
        return [SimpleNamespace(info=SimpleNamespace(run_id=id_)) for id_ in found[:max_results]]

    def start_run(self, run_id=None, experiment_id=None, run_name=None, nested=False, parent_run_id=None, tags=None):
        assert self.active is None
        self.active = run_id or f"run{len(self.runs)}"
        self.runs.setdefault(self.active, {"name": run_name, "tags": tags, "params": {}, "metrics": [], "end": None})

    def log_params(self, params, synchronous=None, run_id=None):
        held = self.runs[self.active]["params"]
        assert not held.keys() & params.keys(), "a parameter that was logged cannot change"
        held |= params

    def log_metrics(self, metrics, step=None, synchronous=None):
        assert all(isinstance(value, int | float) for value in metrics.values())
        self.runs[self.active]["metrics"].append((step, metrics))

    def end_run(self, status="FINISHED"):
        self.runs[self.active]["end"], self.active = status, None


class Writer:
    """Stands in for torch.utils.tensorboard.SummaryWriter."""

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        self.log_dir, self.scalars, self.texts, self.flushed, self.closed = Path(log_dir), [], [], 0, False

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        self.texts.append((tag, text_string))

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        self.scalars.append((tag, scalar_value, global_step))

    def flush(self):
        self.flushed = len(self.scalars)

    def close(self):
        self.closed = True


def tracked(tracker, told, folder, **settings):
    takes = Tracked("mlflow", tracker, told.append)
    for event in events(folder, **settings):
        takes(event)
    takes.close()


def test_mlflow_gets_settings_figures_by_generation_and_how_it_ended(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    client, told = Mlflow(), []
    tracked(MlflowTracker(client), told, tmp_path / "digits-1", metric="auc")
    (run,) = client.runs.values()
    assert (client.experiment, run["name"], run["end"], told) == ("gi", "digits-1", "FINISHED", [])
    assert run["params"]["dataset"] == "digits"
    (first_step, first), (_, second), (_, finals) = run["metrics"]
    assert (first_step, first["best/1 - AUC"], first["failed"], "hypervolume" in first) == (0, 0.03, 1, False)
    assert second["hypervolume"] == 2.0
    assert finals == {"final/validation 1 - AUC": 0.04, "final/test 1 - AUC": pytest.approx(0.05)}


def test_a_resumed_run_goes_on_in_the_same_run_of_mlflow(tmp_path):
    client = Mlflow()
    tracked(MlflowTracker(client), [], tmp_path, state="interrupted")
    assert [run["end"] for run in client.runs.values()] == ["KILLED"]
    tracked(MlflowTracker(client), [], tmp_path, budget_cpu_s=90.0)
    assert [run["end"] for run in client.runs.values()] == ["FINISHED"]
    tracked(MlflowTracker(client), [], tmp_path / "other")
    assert len(client.runs) == 2


def test_tensorboard_gets_scalars_at_once_in_the_folder_of_the_run(tmp_path):
    made = []
    tracked(TensorboardTracker(lambda **options: made.append(Writer(**options)) or made[-1]), [], tmp_path)
    (writer,) = made
    assert writer.log_dir == tmp_path / "tensorboard"
    assert ("hypervolume", 2.0, 1) in writer.scalars
    assert (writer.flushed, writer.closed) == (len(writer.scalars), True)
    assert '"dataset": "digits"' in writer.texts[0][1]


def test_a_run_that_breaks_off_is_ended_as_failed(tmp_path):
    client = Mlflow()
    takes = Tracked("mlflow", MlflowTracker(client), lambda _: None)
    takes(next(events(tmp_path)))
    takes.close()
    assert [run["end"] for run in client.runs.values()] == ["FAILED"]


def test_a_server_that_goes_away_costs_a_line_and_not_the_run(tmp_path):
    class Gone(Mlflow):
        def log_metrics(self, metrics, step=None, synchronous=None):
            raise ConnectionError("connection refused")

    told = []
    tracked(MlflowTracker(Gone()), told, tmp_path)
    assert told == ["warning: --log-to mlflow failed and is left out from here on: connection refused"]


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_missing_client_is_one_line(name, monkeypatch):
    for module in (name, "torch.utils.tensorboard"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConfigError, match=rf"--log-to {name}: its client is not installed; pip install 'gi\[log\]'"):
        client_tracker(name)


CALLS = ("set_experiment", "search_runs", "start_run", "log_params", "log_metrics", "end_run")


@pytest.mark.parametrize("call", CALLS)
def test_the_stand_in_takes_what_mlflow_takes(call):
    real = inspect.signature(getattr(pytest.importorskip("mlflow"), call)).parameters
    assert set(inspect.signature(getattr(Mlflow(), call)).parameters) - {"experiment_id"} <= {*real}


def test_the_real_tensorboard_writes_files_that_it_reads_again(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracked(client_tracker("tensorboard"), [], tmp_path)
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert [event.value for event in read.Scalars("hypervolume")] == [2.0]


def test_the_real_mlflow_takes_a_run_and_goes_on_with_it(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # without a server
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    for state in ("interrupted", "finished"):
        told = []
        tracked(MlflowTracker(mlflow), told, tmp_path / "run", state=state)
        assert told == []
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert (run.info.status, run.data.metrics["hypervolume"]) == ("FINISHED", 2.0)
