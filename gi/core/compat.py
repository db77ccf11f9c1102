"""Lets a CUDA build of torchvision import beside a CPU build of torch.

The package index has one torchvision per version, built for CUDA. Beside a CPU torch its compiled operators do not
load, which it tolerates, and then it describes shapes of those operators (`torchvision._meta_registrations`) to a torch
that has never heard of them, which ends the import with "operator torchvision::nms does not exist". Nothing of gi
needs the operators, so the descriptions are left out exactly where the operators are missing.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_DESCRIPTIONS = "torchvision._meta_registrations"


def allow_torchvision() -> None:
    """Makes `import torchvision` work in this process; call it before the import. Imports torch.

    Does nothing where torchvision is missing, is imported already, or loads its operators.
    """
    # Too late to change anything: what was imported keeps its form.
    if "torchvision" in sys.modules or _DESCRIPTIONS in sys.modules:
        return
    spec = importlib.util.find_spec("torchvision")
    # Asked before the import, since a failed one leaves half of the package in `sys.modules`.
    if spec is not None and spec.origin is not None and not _operators_load(Path(spec.origin).parent):
        sys.modules[_DESCRIPTIONS] = ModuleType(_DESCRIPTIONS)


def _operators_load(package: Path) -> bool:
    import torch  # here and not above: the command line imports this module's importers and must start without torch

    for library in [*package.glob("_C*.so"), *package.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False
