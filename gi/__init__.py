"""Genetic improvement of neural-network source code: a data set goes in, optimised PyTorch source comes out.

`import gi` imports none of it: each name below is imported when it is first used. docs/python.md shows them at work.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gi.api.classifier import GIClassifier
    from gi.api.evolving import evolve, resume
    from gi.api.individuals import RunIndividual
    from gi.api.repairing import repair
    from gi.api.runs import Front, Run, open_run
    from gi.api.seeding import seed_
    from gi.core.errors import GiError
    from gi.kernels.index.reader import Index

__version__ = "0.1.0"

_HOMES = {
    "evolve": "gi.api.evolving",
    "resume": "gi.api.evolving",
    "open_run": "gi.api.runs",
    "Run": "gi.api.runs",
    "Front": "gi.api.runs",
    "RunIndividual": "gi.api.individuals",
    "repair": "gi.api.repairing",
    "Index": "gi.kernels.index.reader",
    "seed_": "gi.api.seeding",
    "GIClassifier": "gi.api.classifier",
    "GiError": "gi.core.errors",
}
__all__ = [
    "Front",
    "GIClassifier",
    "GiError",
    "Index",
    "Run",
    "RunIndividual",
    "__version__",
    "evolve",
    "open_run",
    "repair",
    "resume",
    "seed_",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gi' has no attribute {name!r}: it has {', '.join(_HOMES)}")
    return globals().setdefault(name, getattr(importlib.import_module(_HOMES[name]), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
