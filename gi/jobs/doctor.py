"""Checks this machine: versions, devices, data sets, isolation of candidates, problems."""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gi import __version__
from gi.core.errors import WorkerError
from gi.core.settings import cache_folder, data_folder, default_workers
from gi.data.readers.named import NAMED
from gi.sandbox.isolation import cuda_reach, probed_layers
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

# Packages that all commands need.
PACKAGES = ("torch", "torchvision", "libcst", "deap", "pymoo", "numpy", "scikit-learn")
# The requirements of pyproject.toml.
OLDEST = {"torch": (2, 4), "torchvision": (0, 19)}
_SAID_LENGTH = 120
_LAYERS = {
    "no_new_privs": "no program gains rights",
    "namespaces": "no network, mounts and shared memory of its own",
    "landlock": "no files but the interpreter's and the job's own",
    "seccomp": "no programs, processes, sockets, signals to others",
}
_INSTALL_TORCH = "pip install 'torch>=2.4' 'torchvision>=0.19'"


@dataclass(frozen=True, slots=True)
class Machine:
    """The findings of `gi doctor`. `problems` are lines with advice; empty where nothing is missing.

    `versions` has "" for a missing package; `memory_bytes` is 0 where unknown; `start_method` is "forkserver" where
    workers start, else "none".
    """

    versions: Mapping[str, str]
    system: str
    cores: int
    memory_bytes: int
    start_method: str
    cuda_devices: tuple[str, ...]
    data_root: str
    datasets: tuple[str, ...]
    cache_folder: str
    isolation: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return asdict(self)


def doctor(*, data_root: str | None = None, probe: Callable[[], list[str]] | None = None) -> Machine:
    """Inspects this machine and starts a trial worker; raises nothing.

    `probe` replaces the trial in tests: it returns the names of the CUDA devices.
    """
    versions = {"gi": __version__, "python": platform.python_version()} | {p: _version(p) for p in PACKAGES}
    problems = [*_version_problems(versions), *_folder_problems(cache_folder())]
    devices: list[str] = []
    started = False
    if versions["torch"]:
        try:
            devices, unimported = _probe_worker() if probe is None else (probe(), [])
            started = True
            problems += unimported
        except (WorkerError, WorkerDied, WorkerTimeout, OSError) as error:
            problems.append(f"no worker process can start ({error}): candidates cannot be evaluated here.")
    root = data_folder(data_root)
    return Machine(
        versions=versions,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=default_workers(),
        memory_bytes=_memory_bytes(),
        start_method="forkserver" if started else "none",
        cuda_devices=tuple(devices),
        data_root=str(root),
        datasets=datasets_found(root, versions),
        cache_folder=str(cache_folder()),
        isolation=_isolation() if started else (),
        problems=tuple(problems),
    )


def datasets_found(root: Path, versions: Mapping[str, str]) -> tuple[str, ...]:
    """The named data sets that need no download."""
    bundled = ("digits",) if versions.get("scikit-learn") else ()
    there = (name for name, named in NAMED.items() if all((root / file).exists() for file in named.files))
    return (*bundled, *there)


def cuda_device_names() -> list[str]:
    """Runs in the trial worker: the names of the CUDA devices that torch sees."""
    # Imported only in the worker: the driver does not load torch.
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def import_problems() -> list[str]:
    """Runs in the trial worker: a line for each installed package that cannot be imported."""
    import importlib

    from gi.core.compat import allow_torchvision

    allow_torchvision()
    problems = []
    for package in ("numpy", "torch", "torchvision"):
        try:
            importlib.import_module(package)
        except Exception as error:  # the import of a broken build may raise anything
            said = " ".join(str(error).split())[:_SAID_LENGTH]
            missing = isinstance(error, ModuleNotFoundError) and error.name == package
            command = _INSTALL_TORCH if package in OLDEST else f"pip install {package}"
            # A missing package is reported with the versions already.
            problems += [] if missing else [f"{package} cannot be imported ({type(error).__name__}: {said}): {command}"]
    return problems


def trial() -> tuple[list[str], list[str]]:
    """Runs in the trial worker: the CUDA devices, and import problems."""
    return cuda_device_names(), import_problems()


def _probe_worker() -> tuple[list[str], list[str]]:
    # CUDA maps hundreds of gigabytes of addresses for a query of names.
    with WarmWorker("gi.jobs.doctor:trial", wall_limit_s=60, memory_mb=1 << 20, reach=cuda_reach()) as worker:
        devices, problems = worker.call()
        return list(map(str, devices)), list(map(str, problems))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _version_problems(versions: Mapping[str, str]) -> list[str]:
    problems = []
    for package in PACKAGES:
        version = versions[package]
        oldest = OLDEST.get(package, (0, 0))
        wanted = ".".join(map(str, oldest))
        command = _INSTALL_TORCH if package in OLDEST else f"pip install {package}"
        if not version:
            problems.append(f"{package} is not installed: {command}")
        elif _numbers(version) < oldest:
            problems.append(f"{package} is {version}, at least {wanted} is needed: {command}")
    return problems


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())


def _folder_problems(folder: Path) -> list[str]:
    # The folder may not exist yet: its nearest existing parent decides.
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    return [f"the cache folder {folder} cannot be written to: name another with $GI_CACHE."]


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def _isolation() -> tuple[str, ...]:
    """The layers that isolate a candidate from the machine, a line each."""
    layers = [f"{name}: {'missing, ' + why if why else _LAYERS[name]}" for name, why in probed_layers().items()]
    layers += ["a process, session and scratch folder for each candidate, no environment", "CPU and wall limit"]
    if sys.platform == "linux":
        layers += ["limits on memory, file size and open files", "killed with everything it started when gi ends"]
    return tuple(layers)
