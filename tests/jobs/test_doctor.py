"""What `gi doctor` is told, on this machine and on machines where something is missing."""

from importlib import metadata
from pathlib import Path

import pytest

from gi.core.errors import WorkerError
from gi.jobs.doctor import doctor, import_problems
from gi.sandbox.server import ForkServer


def test_starts_a_worker_and_finds_nothing_wrong(server: ForkServer) -> None:
    machine = doctor()
    assert machine.problems == ()
    assert machine.start_method == "forkserver"
    assert machine.cores >= 1
    assert machine.memory_bytes > 1 << 28
    assert "digits" in machine.datasets
    assert machine.to_json()["versions"]["torch"]


def test_says_what_is_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "pymoo":
            raise metadata.PackageNotFoundError
        return {"torch": "1.13.1+cpu", "torchvision": "0.19.0"}.get(package, "9.0")

    monkeypatch.setattr("gi.jobs.doctor.metadata.version", version)
    problems = doctor(probe=list).problems
    assert [problem.split(":")[0] for problem in problems] == [
        "torch is 1.13.1+cpu, at least 2.4 is needed",
        "pymoo is not installed",
    ]


def test_says_that_no_worker_starts() -> None:
    def fail() -> list[str]:
        raise WorkerError("no fork")

    machine = doctor(probe=fail)
    assert machine.start_method == "none"
    assert machine.isolation == ()
    assert "no worker process can start (no fork)" in machine.problems[0]


def test_finds_named_sets_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "train_32x32.mat").touch()
    machine = doctor(data_root=str(tmp_path), probe=list)
    assert machine.datasets == ("digits", "cifar10")
    assert machine.data_root == str(tmp_path)


def test_a_cache_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "file" / "cache"))
    assert "$GI_CACHE" in doctor(probe=list).problems[0]


def test_says_which_package_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", broken)
    (problem,) = import_problems()
    assert problem.startswith(
        "torchvision cannot be imported (RuntimeError: operator torchvision::nms does not exist): "
    )
