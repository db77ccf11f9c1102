"""The executor through real workers: what good candidates give, and that bad ones are values which harm nobody."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gi.core.errors import ConfigError, DatasetError, WorkerError
from gi.core.objectives import OBJECTIVES
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Outcome, Scored
from gi.data.dataset import Dataset, load_dataset
from gi.sandbox.isolation import probed_layers
from gi.sandbox.limits import Limits
from gi.sandbox.server import ForkServer
from gi.train.executor import LocalExecutor
from tests.programs import HEAD, NET, PROGRAM, RECIPE
from tests.stand_ins import OPEN

Evaluate = Callable[..., Outcome]


def in_forward(line: str) -> str:
    return PROGRAM.replace("return self.dense", f"{line}\n        return self.dense")


def in_recipe(line: str) -> str:
    return PROGRAM.replace("    optimizer =", f"    {line}\n    optimizer =")


def returning(optimizer: str = "optimizer", scheduler: str = "None", loss: str = "nn.CrossEntropyLoss()", rest="None"):
    last = RECIPE.splitlines()[-1]
    return PROGRAM.replace(last, f"    return {optimizer}, {scheduler}, {loss}, {rest}")


def test_scores_every_objective_with_a_finite_value(evaluate: Evaluate) -> None:
    outcome = evaluate(PROGRAM, images=20_000)
    assert isinstance(outcome, Scored)
    assert set(outcome.values) == set(OBJECTIVES)
    assert all(math.isfinite(value) for value in outcome.values.values())
    assert outcome.values["params"] == 650
    assert outcome.values["macs"] == 640
    assert outcome.values["error"] < 0.15
    assert 0 < outcome.values["time"] < 1
    assert 0 < outcome.cost.train_cpu_s < outcome.cost.cpu_s


BAD = {
    "syntax": ("def", "parse", "syntax error"),
    "null-byte": ("x = '\0'", "parse", "syntax error"),
    "import": ("import no_such_module", "build", "import"),
    "no-net": (HEAD + RECIPE, "build", "undefined name"),
    "net-is-a-function": (HEAD + "def Net(): return 3\n" + RECIPE, "build", "not a module"),
    "net-raises": (PROGRAM.replace("Linear(64", "Linear(-4"), "build", "shape"),
    "exit": ("import sys; sys.exit(0)", "build", "SystemExit"),
    "quiet-exit": ("import os; os._exit(0)", "build", "exited"),
    "interrupt": ("raise KeyboardInterrupt", "build", "KeyboardInterrupt"),
    "deep-recursion": ("def f(): f()\nf()", "build", "recursion"),
    "unprintable": ("class E(Exception):\n def __str__(self): raise self\nraise E", "build", "E"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "build", "crashed"),
    "segfault-in-forward": (in_forward("import signal; signal.raise_signal(11)"), "forward", "crashed"),
    "abort": ("import os; os.abort()", "build", "crashed"),
    "memory-of-python": ("x = bytearray(50 << 30)", "build", "out of memory"),
    "memory-of-torch": (in_forward("torch.empty(50 << 28)"), "forward", "out of memory"),
    "shape-inside": (PROGRAM.replace("Linear(64", "Linear(63"), "forward", "shape"),
    "wrong-width": (PROGRAM.replace("64, 10", "64, 11"), "forward", "wrong output shape"),
    "no-tensor": (in_forward("return None"), "forward", "output is no tensor"),
    "no-recipe": (HEAD + NET, "recipe", "no recipe"),
    "recipe-raises": (in_recipe("1 / 0"), "recipe", "ZeroDivisionError"),
    "recipe-tuple": (in_recipe("return net"), "recipe", "not four parts"),
    "no-optimizer": (returning(optimizer="3"), "recipe", "no optimizer"),
    "no-scheduler": (returning(scheduler="3"), "recipe", "no scheduler"),
    "no-loss": (returning(loss="None"), "recipe", "no loss"),
    "no-augmentation": (returning(rest="3"), "recipe", "no augmentation"),
    "augmentation-drops": (returning(rest="lambda x: x[:3]"), "recipe", "wrong augmentation"),
    "loss-of-each": (returning(loss="nn.CrossEntropyLoss(reduction='none')"), "train", "loss is no scalar"),
    "wrong-loss": (returning(loss="nn.BCELoss()"), "train", "wrong value"),
    "nan": (PROGRAM.replace("lr=0.05", "lr=1e39"), "train", "nan"),
    "nan-when-scored": (
        in_forward("if not self.training and x.abs().sum() > 0: x = x * float('nan')"),
        "measure",
        "nan",
    ),
    "shape-when-scored": (
        in_forward("if not self.training and x.abs().sum() > 0: x = x[:3]"),
        "measure",
        "wrong output shape",
    ),
    "answer-forged": (
        "import socket, gc\nfor s in gc.get_objects():\n"
        " if isinstance(s, socket.socket): s.send(b'\\0\\0\\0\\2{}'); break\nwhile True: pass",
        "worker",
        "no valid answer",
    ),
}


@pytest.mark.parametrize(("text", "stage", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_candidate_is_a_failure_with_stage_and_reason(
    evaluate: Evaluate, text: str, stage: str, reason: str
) -> None:
    outcome = evaluate(text)
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == (stage, reason), outcome
    assert outcome.cost.cpu_s > 0


def test_names_the_line_of_the_candidate(evaluate: Evaluate) -> None:
    outcome = evaluate("x = 1\n\nraise ValueError('why')")
    assert isinstance(outcome, Failed)
    assert outcome.detail == "ValueError: why (line 3)"


def test_a_candidate_that_hangs_is_killed_at_the_wall_limit(server: ForkServer, digits: Dataset) -> None:
    config = RunConfig(dataset="digits", cpu_limit_s=20, wall_limit_s=1)
    with LocalExecutor(digits, config, workers=2, gate=OPEN) as executor:
        hung = executor.submit(Job("1", "import time; time.sleep(100)", 0, 100))
        good = executor.submit(Job("2", PROGRAM, 0, 100, timed=False))
        assert isinstance(good.result(30), Scored)
        outcome = hung.result(30)
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == ("build", "wall limit")
    assert 0.9 < outcome.cost.wall_s < 5


def test_a_candidate_that_loops_is_killed_at_the_cpu_limit(
    server: ForkServer, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gi.train.allowed_time.ALLOWANCE_S", 0.5)
    config = RunConfig(dataset="digits", cpu_limit_s=0.5, wall_limit_s=60)
    with LocalExecutor(digits, config, workers=1, gate=OPEN) as executor:
        outcome = executor.submit(Job("1", "while True: pass", 0, 100)).result(60)
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == ("build", "cpu limit")
    assert 0.9 < outcome.cost.cpu_s < 4  # the kernel counts whole seconds, and no training is given less than two


def test_refuses_early_what_would_not_finish(server: ForkServer, digits: Dataset) -> None:
    slow = in_forward("import time; t = time.thread_time()\n        while time.thread_time() < t + 0.01: pass")
    with LocalExecutor(digits, RunConfig(dataset="digits", cpu_limit_s=1), workers=1, gate=OPEN) as executor:
        outcome = executor.submit(Job("1", slow, 0, 39_000)).result(60)
        assert isinstance(outcome, Failed)
        assert (outcome.stage, outcome.reason) == ("train", "too slow")
        assert outcome.cost.cpu_s < 1
        assert "projected" in outcome.detail


def test_a_job_brings_its_limit_where_the_settings_have_none(server: ForkServer, digits: Dataset) -> None:
    slow = in_forward("import time; t = time.thread_time()\n        while time.thread_time() < t + 0.02: pass")
    with LocalExecutor(digits, RunConfig(dataset="digits", cpu_limit_s=None), workers=1, gate=OPEN) as executor:
        assert isinstance(executor.submit(Job("1", slow, 0, 640)).result(60), Scored)
        bounded = executor.submit(Job("1", slow, 0, 15_000, cpu_limit_s=6)).result(60)
    assert isinstance(bounded, Failed)
    assert (bounded.reason, "3 allowed (--cpu-limit)" in bounded.detail) == ("too slow", True)


@pytest.mark.parametrize(
    ("entry", "outcome"), [("small", 650.0), ("Wide(width=3)", 10 * 64 + 10 + 3), ("nothing", "not a module")]
)
def test_the_network_is_what_the_runs_entry_builds(
    server: ForkServer, digits: Dataset, entry: str, outcome: float | str
) -> None:
    wide = PROGRAM.replace("class Net", "class Wide").replace("def __init__(self):", "def __init__(self, width):")
    wide = wide.replace("nn.Linear(64, 10)", "nn.Linear(64, 10)\n        self.free = nn.Parameter(torch.zeros(width))")
    factories = "\n\ndef small():\n    return Wide(0)\n\n\ndef nothing():\n    return None\n"
    config = RunConfig(dataset="digits", entry=entry, images=640)
    with LocalExecutor(digits, config, workers=1, gate=OPEN) as executor:
        found = executor.submit(Job("1", wide + factories, 0, 640)).result(60)
    assert (found.values["params"] if isinstance(found, Scored) else found.reason) == outcome


def test_the_same_job_gives_the_same_weights(evaluate: Evaluate, tmp_path: Path) -> None:
    text = PROGRAM.replace("x.flatten(1)", "torch.dropout(x.flatten(1), 0.5, self.training)").replace(
        "nn.CrossEntropyLoss(), None", "nn.CrossEntropyLoss(), v2.RandomCrop(8, padding=1)"
    )
    text = "from torchvision.transforms import v2\n" + text
    paths = {name: tmp_path / f"{name}.pt" for name in ("first", "again", "other")}
    for name, path in paths.items():
        outcome = evaluate(text, weights_path=str(path), seed=2 if name == "other" else 1)
        assert isinstance(outcome, Scored), outcome
    states = {name: torch.load(path, weights_only=True) for name, path in paths.items()}
    assert torch.equal(states["first"]["dense.weight"], states["again"]["dense.weight"])
    assert not torch.equal(states["first"]["dense.weight"], states["other"]["dense.weight"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.pt", "first.pt", "other.pt"]


def test_weights_that_cannot_be_written_are_no_failure_of_the_candidate(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkerError, match=r"takes no weights .*gi evolve --resume"):
        evaluate(PROGRAM, weights_path=str(tmp_path / "file" / "w.pt"))


def test_with_a_cost_model_no_clock_enters_the_values(server: ForkServer, digits: Dataset) -> None:
    config = RunConfig(dataset="digits", clock="model")
    with LocalExecutor(digits, config, workers=2, gate=OPEN) as executor:
        first, again = (executor.submit(Job("1", PROGRAM, 3, 2000)) for _ in range(2))
        assert isinstance(first.result(60), Scored)
        assert first.result().values == again.result(60).values  # type: ignore[union-attr]
        assert first.result().cost != again.result().cost


def test_with_a_cost_model_too_slow_is_what_the_model_says(server: ForkServer, digits: Dataset) -> None:
    config = RunConfig(dataset="digits", clock="model", cpu_limit_s=0.1)
    with LocalExecutor(digits, config, workers=1, gate=OPEN) as executor:
        outcome = executor.submit(Job("1", PROGRAM.replace("lr=0.05", "lr=0.1"), 3, 400_000)).result(60)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "too slow"
    assert "cost model" in outcome.detail


def test_an_injected_cost_model_has_the_last_word(server: ForkServer, digits: Dataset) -> None:
    config = RunConfig(dataset="digits")
    with LocalExecutor(digits, config, workers=1, cost_model=lambda job: {"time": 7.0, "train_time": 8.0}) as executor:
        outcome = executor.submit(Job("1", PROGRAM, 3, 200)).result(60)
    assert isinstance(outcome, Scored)
    assert (outcome.values["time"], outcome.values["train_time"]) == (7.0, 8.0)


def test_a_data_set_that_went_away_is_raised(server: ForkServer, tmp_path: Path) -> None:
    gone = load_dataset("digits", cache=tmp_path)
    with LocalExecutor(gone, RunConfig(dataset="digits"), workers=1, gate=OPEN) as executor:
        shutil.rmtree(gone.path)
        with pytest.raises(DatasetError, match="cannot be read"):
            executor.submit(Job("1", PROGRAM, 3, 200)).result(60)


RECIPES = {
    "adamw-onecycle": "torch.optim.AdamW(net.parameters(), lr=0.01)|"
    "torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)",
    "plateau": "torch.optim.Adam(net.parameters())|torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)",
    "lbfgs": "torch.optim.LBFGS(net.parameters(), max_iter=3)|None",
    "foreach": "torch.optim.SGD(net.parameters(), lr=0.01, foreach=True)|None",
    "sequential": "torch.optim.RMSprop(net.parameters())|torch.optim.lr_scheduler.SequentialLR(optimizer, ["
    "torch.optim.lr_scheduler.ConstantLR(optimizer), torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)], [3])",
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_trains_with_every_kind_of_optimizer_and_schedule(evaluate: Evaluate, recipe: str) -> None:
    optimizer, scheduler = recipe.split("|")
    text = returning(scheduler=scheduler).replace("torch.optim.SGD(net.parameters(), lr=0.05)", optimizer)
    outcome = evaluate(text, images=4000)
    assert isinstance(outcome, Scored), outcome
    assert outcome.values["error"] < 0.6


def test_a_view_that_takes_the_usual_layout_for_granted_trains(evaluate: Evaluate) -> None:
    text = PROGRAM.replace("x.flatten(1)", "self.conv(x).view(len(x), -1)").replace(
        "self.dense = nn.Linear(64, 10)", "self.conv = nn.Conv2d(1, 4, 3, padding=1); self.dense = nn.Linear(256, 10)"
    )
    assert isinstance(evaluate(text), Scored)


def test_what_a_candidate_does_to_torch_and_output_reaches_nobody_else(evaluate: Evaluate) -> None:
    patch = (
        "import sys, torch\ntorch.Tensor.backward = None\nfor f in sys.stdout, sys.stderr: f.write('x' * 9_999_999)\n"
    )
    patched = evaluate(patch + PROGRAM)
    assert isinstance(patched, Failed)
    assert isinstance(evaluate(PROGRAM), Scored)


def test_the_environment_and_working_folder_are_empty(evaluate: Evaluate) -> None:
    outcome = evaluate("import os\nraise ValueError(sorted(os.environ), os.listdir('.'))")
    assert isinstance(outcome, Failed)
    kept = [name for name in os.environ if name.startswith(("CUDA", "NVIDIA", "LD_LIBRARY_PATH"))]
    assert outcome.detail.startswith(f"ValueError: ({sorted(kept)}, [])")


@pytest.fixture
def unisolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds where the system lacks layers of isolation."""
    monkeypatch.setenv("GI_ISOLATION", "off")


def test_children_of_a_candidate_end_with_it(
    evaluate: Evaluate, processes: Callable[[], set[int]], unisolated: None
) -> None:
    before = processes()
    fork = "import os, time\nif os.fork() == 0:\n    {}\n    time.sleep(1000)\n"
    for detach in ("pass", "os.setsid()"):
        assert isinstance(evaluate(fork.format(detach) + PROGRAM), Scored)
        wait_until(lambda: processes() <= before)


def test_a_server_that_dies_is_replaced_and_the_job_repeated(
    evaluate: Evaluate, server: ForkServer, digits: Dataset
) -> None:
    assert server._process is not None
    old = server._process.pid
    os.kill(old, signal.SIGKILL)
    assert isinstance(evaluate(PROGRAM), Scored)
    assert server._process.pid != old


def test_a_candidate_that_kills_the_server_is_a_failure(evaluate: Evaluate, unisolated: None) -> None:
    outcome = evaluate("import os; os.kill(os.getppid(), 9)")
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == ("worker", "server died")


@pytest.mark.parametrize(
    "deed",
    [
        "import os; os.kill(os.getppid(), 9)",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.socket()",
        "open('/etc/passwd').read()",
    ],
)
def test_a_candidate_that_reaches_out_is_a_failure_where_it_is_isolated(evaluate: Evaluate, deed: str) -> None:
    if lacking := {name: why for name, why in probed_layers().items() if why}:
        pytest.skip(f"this system lacks layers: {lacking}")
    outcome = evaluate(f"{deed}\n{PROGRAM}")
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == ("build", "PermissionError")


def test_shutdown_kills_what_runs_and_cancels_what_waits(
    server: ForkServer, digits: Dataset, processes: Callable[[], set[int]]
) -> None:
    server.fork("math:sqrt", Limits(memory_mb=256)).close()  # so that the server itself is there before
    before = processes()
    executor = LocalExecutor(digits, RunConfig(dataset="digits"), workers=1, gate=OPEN)
    jobs = [executor.submit(Job(str(i), "import time; time.sleep(100)", 0, 100)) for i in range(3)]
    wait_until(lambda: processes() > before)
    executor.shutdown()
    for job in jobs:
        with pytest.raises(CancelledError):
            job.result(10)
    wait_until(lambda: processes() <= before)


@pytest.mark.parametrize(("device", "message"), [("tpu", "unknown device"), ("cuda:77", "cannot be used")])
def test_refuses_a_device_that_is_not_there(server: ForkServer, digits: Dataset, device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LocalExecutor(digits, replace(RunConfig(dataset="digits"), device=device), workers=1)


DRIVER = """
import sys, time
from pathlib import Path
from gi.core.settings import RunConfig
from gi.train.executor import LocalExecutor
from gi.data.dataset import open_dataset
from gi.core.protocols import Job
from tests.stand_ins import OPEN
executor = LocalExecutor(open_dataset(Path(sys.argv[1])), RunConfig(dataset="digits"), workers=2, gate=OPEN)
for text in ("import os, time\\nos.fork()\\ntime.sleep(1000)", "while True: pass"):
    executor.submit(Job("1", text, 0, 100))
time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
def test_nothing_is_left_when_the_driver_is_killed(
    digits: Dataset, processes: Callable[[], set[int]], unisolated: None
) -> None:
    before = processes()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(digits.path)], env=environment)
    try:
        wait_until(lambda: len(processes() - before) >= 5, limit_s=60)  # driver, server, two workers, a fork
        theirs = processes() - before
    finally:
        driver.kill()
        driver.wait()
    wait_until(lambda: not any(map(alive, theirs)))
    assert len(theirs) >= 5, "driver, server, two workers and a fork were alive before"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "still not so after the limit"
        time.sleep(0.02)


@pytest.mark.parametrize("metric", ["balanced-error", "auc"])
def test_the_objective_error_is_the_runs_metric(server: ForkServer, digits: Dataset, metric: str) -> None:
    config = RunConfig.from_json({"dataset": "digits", "metric": metric})
    job = Job("it", PROGRAM, 1, 2000)
    with LocalExecutor(digits, config, workers=1, gate=OPEN) as executor:
        searched = executor.submit(job).result(60)
        final = executor.submit(replace(job, split="test")).result(60)
    assert isinstance(searched, Scored)
    assert isinstance(final, Scored)
    values = final.values
    assert searched.values["error"] == values["validation_error"] != 1 - values["validation_accuracy"]
    assert searched.diagnosis is None
    assert final.diagnosis is not None
    right = sum(number for label, answer, number in final.diagnosis.confusion if label == answer)
    assert sum(number for *_, number in final.diagnosis.confusion) == digits.num_validation
    assert right / digits.num_validation == pytest.approx(values["validation_accuracy"])
    assert all(mistake.label != mistake.answer for mistake in final.diagnosis.mistakes)
    assert final.diagnosis.losses[-1][0] == 2000 // config.batch_size * config.batch_size
    if metric == "auc":
        assert (values["error"], values["validation_error"]) == (1 - values["auc"], 1 - values["validation_auc"])
