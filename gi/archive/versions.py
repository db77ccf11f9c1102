"""What a run ran on: versions of the packages that decide its result, and the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("gi", "torch", "torchvision", "numpy", "libcst", "deap", "pymoo")


def versions() -> dict[str, str]:
    """Python's and the packages' versions, read without importing them; "" for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def machine() -> dict[str, Any]:
    """The machine in words and its number of cores."""
    return {"platform": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count() or 1}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
