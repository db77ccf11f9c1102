"""What happens to a run from outside: disk, folder, clock, signals. With the cost model, so that ends compare."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gi.archive import Archive, canonical_text
from gi.core.errors import ArchiveError, RunError
from gi.core.settings import RunConfig
from gi.search.events import Evaluated, GenerationEnded, Retrained, RetrainingStarted
from gi.search.evolve import evolve, resume
from tests.stand_ins import parts

CONFIG = RunConfig(
    dataset="digits", generations=4, population=6, images=30_000, finals=4, final_seeds=2, clock="model", seed=4
)


def dumped(folder):
    with Archive.open(folder) as archive:
        return canonical_text(archive)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    evolve(CONFIG, folder, workers=2, parts=parts())
    return dumped(folder)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own: (folder, how to change it by mount's options)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount")
    try:
        yield folder, lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class StoppedError(Exception):
    pass


def stop():
    raise StoppedError


class At:
    """Does something once, at the n-th event of a kind."""

    def __init__(self, kind, number, deed):
        self.kind, self.left, self.deed = kind, number, deed

    def __call__(self, event):
        if isinstance(event, self.kind):
            self.left -= 1
            if self.left == 0:
                self.deed()


def test_a_full_disk_ends_a_run_in_one_line_and_it_goes_on_where_there_is_room(small_disk, whole):
    folder, remount = small_disk
    with pytest.raises(RunError, match=r"cannot grow .* gi evolve --resume") as full:
        evolve(CONFIG, folder / "run", workers=2, parts=parts())
    assert "\n" not in str(full.value)
    remount("size=20m")
    resume(folder / "run", workers=2, parts=parts())
    assert dumped(folder / "run") == whole


def test_a_run_in_a_read_only_folder_goes_on_when_it_can_be_written(small_disk, whole):
    folder, remount = small_disk
    remount("size=20m")
    with pytest.raises(StoppedError):
        evolve(CONFIG, folder / "run", workers=2, parts=parts(), on_event=At(GenerationEnded, 2, stop))
    remount("ro")
    with pytest.raises((RunError, ArchiveError), match="writable") as error:
        resume(folder / "run", workers=2, parts=parts())
    assert "\n" not in str(error.value)
    remount("rw")
    resume(folder / "run", workers=2, parts=parts())
    assert dumped(folder / "run") == whole


@pytest.mark.parametrize("kind", [Evaluated, GenerationEnded, RetrainingStarted, Retrained])
def test_a_folder_that_goes_is_noticed_with_the_next_write(tmp_path, kind):
    run = tmp_path / "run"
    remove = At(kind, 1, lambda: shutil.rmtree(run, ignore_errors=True))  # workers may write weights there meanwhile
    with pytest.raises(RunError, match="has gone while the run went on"):
        evolve(CONFIG, run, workers=2, parts=parts(), on_event=remove)


@pytest.mark.parametrize("kind", [Evaluated, RetrainingStarted, Retrained])
def test_nothing_makes_the_folder_of_a_run_anew_that_went(tmp_path, kind):
    run = tmp_path / "run"
    with pytest.raises(RunError, match="has gone while the run went on"):
        evolve(CONFIG, run, workers=2, parts=parts(), on_event=At(kind, 1, lambda: run.rename(tmp_path / "away")))
    assert not run.exists(), "a run that is begun again would be refused"


def test_a_file_that_another_took_the_place_of_is_not_the_runs(tmp_path):
    run = tmp_path / "run"

    def replace():
        shutil.copy(run / "run.sqlite", run / "copy")
        (run / "copy").replace(run / "run.sqlite")

    with pytest.raises(RunError, match="has gone while the run went on"):
        evolve(CONFIG, run, workers=2, parts=parts(), on_event=At(Evaluated, 5, replace))


@pytest.mark.parametrize("step_s", [-86_400.0, 86_400.0, -3e9])
def test_a_clock_that_steps_changes_no_decision(tmp_path, monkeypatch, whole, step_s):
    real = time.time

    def step():
        monkeypatch.setattr(time, "time", lambda: real() + step_s)

    evolve(CONFIG, tmp_path / "run", workers=2, parts=parts(), on_event=At(GenerationEnded, 2, step))
    assert dumped(tmp_path / "run") == whole


def test_a_second_gi_is_refused_and_the_first_goes_on(tmp_path, whole):
    run, refused = tmp_path / "run", []

    def second():
        for begin in (lambda: resume(run, parts=parts()), lambda: evolve(CONFIG, run, parts=parts())):
            with pytest.raises(ArchiveError, match=r"in use by another gi evolve|holds a run already") as error:
                begin()
            refused.append(error)

    evolve(CONFIG, run, workers=2, parts=parts(), on_event=At(Evaluated, 5, second))
    assert len(refused) == 2
    assert dumped(run) == whole


DRIVER = """
import sys
from pathlib import Path
from gi.search.evolve import evolve
from tests.search.test_faults import CONFIG
from tests.stand_ins import parts, slow
folder = Path(sys.argv[1])
print("ready", flush=True)
evolve(CONFIG, folder, workers=2, parts=parts(evaluate=slow))
"""


def test_a_killed_run_and_a_stopped_one_end_as_if_nothing_had_been(tmp_path, whole):
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as driver:
        driver.stdout.readline()
        wait_for(lambda: evaluated(tmp_path / "run") > 4)
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(driver.pid, signal.SIGCONT)
        seen = evaluated(tmp_path / "run")
        os.kill(driver.pid, signal.SIGKILL)
    assert evaluated(tmp_path / "run") >= seen
    resume(tmp_path / "run", workers=2, parts=parts())
    assert dumped(tmp_path / "run") == whole


def evaluated(folder):
    if not (folder / "run.sqlite").exists():
        return 0
    with Archive.open(folder) as archive:
        return len(archive.outcomes.evaluations())


def wait_for(condition):
    while not condition():
        time.sleep(0.05)
