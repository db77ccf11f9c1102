"""What this machine offers for a run: versions, cores, memory, devices, folders."""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

import gi
from gi.config import cache_folder, data_folder, default_workers
from gi.report.table import table

_PACKAGES = ("torch", "torchvision", "numpy", "libcst", "deap", "pymoo", "onnx", "scikit-learn")
_PROBE = """
import json, torch
devices = ["cpu"] + [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
devices += ["mps"] if torch.backends.mps.is_available() else []
print(json.dumps({"devices": devices, "threads": torch.get_num_threads()}))
"""
_PROBE_LIMIT_S = 120


def findings() -> dict[str, Any]:
    """What was found, as plain JSON values; `problems` lists what keeps a run from working here."""
    torch = _torch_findings()
    versions = {name: _version(name) for name in _PACKAGES}
    folders = {"data root": _folder(data_folder()), "cache": _folder(cache_folder())}
    problems = [f"{name} is not installed" for name, version in versions.items() if version is None]
    problems += [f"torch does not work: {torch['error']}"] if "error" in torch else []
    problems += [
        f"the cache {f['path']} is not writable: set GI_CACHE" for f in [folders["cache"]] if not f["writable"]
    ]
    return {
        "gi": gi.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "workers": default_workers(),
        "memory_mb": _memory_mb(),
        "devices": torch.get("devices", []),
        "isolation": isolation(),
        "folders": folders,
        "problems": problems,
    }


def findings_table(found: dict[str, Any]) -> Table:
    """The findings for a person."""
    made = table("what", "found")
    made.add_row("gi", f"{found['gi']} on Python {found['python']}, {found['platform']}")
    made.add_row("packages", ", ".join(f"{name} {version or 'missing'}" for name, version in found["versions"].items()))
    made.add_row("workers", f"{found['workers']} (one for each core), {found['memory_mb']} MB of memory")
    made.add_row("devices", ", ".join(found["devices"]) or "none")
    made.add_row("isolation", ", ".join(f"{name}: {state}" for name, state in found["isolation"].items()))
    for name, folder in found["folders"].items():
        state = "writable" if folder["writable"] else "read-only" if folder["exists"] else "missing"
        made.add_row(name, f"{folder['path']} ({state}, {folder['free_mb']} MB free)")
    for problem in found["problems"]:
        made.add_row(Text("problem", style="bold red"), Text(problem))
    return made


def isolation() -> dict[str, str]:
    """The layers that stand between a candidate and the machine, each with its state here."""
    limits = "yes" if os.name == "posix" else "no: needs a POSIX system"
    return {"own process": limits, "memory and CPU limits": limits}


def _torch_findings() -> dict[str, Any]:
    """What torch says of itself, asked in a process of its own: a broken torch must not break the doctor."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_LIMIT_S, check=False
        )
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        return {"error": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return {"error": str(error)}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _folder(path: Path) -> dict[str, Any]:
    """A folder's state; one that does not exist yet counts as writable where it could be made."""
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    return {
        "path": str(path),
        "exists": path.is_dir(),
        "writable": os.access(nearest, os.W_OK),
        "free_mb": shutil.disk_usage(nearest).free >> 20,
    }


def _memory_mb() -> int:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return 0
    return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20
