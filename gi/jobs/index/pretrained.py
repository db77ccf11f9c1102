"""torchvision's pretrained networks, which it fetches itself: a trusted package, so this runs where it is called."""

import contextlib
import sys
import urllib.error
from pathlib import Path
from typing import Any

from gi.core.compat import allow_torchvision
from gi.core.errors import WeightsError

_IMAGE = [3, 224, 224]


def known_names() -> frozenset[str]:
    """The names of the networks that torchvision classifies images with."""
    allow_torchvision()
    import torchvision

    return frozenset(torchvision.models.list_models(module=torchvision.models))


def weights_of(name: str) -> Any:
    """The newest pretrained weights of a network, a record with the URL they come from."""
    allow_torchvision()
    import torchvision

    return torchvision.models.get_model_weights(name).DEFAULT


def write_onnx(name: str, path: Path) -> None:
    """Writes a pretrained network as ONNX. Raises `WeightsError` where its weights cannot be fetched."""
    allow_torchvision()
    import torchvision

    from gi.jobs.index.tracing import write

    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch.hub prints what it fetches to stdout, where answers belong
            net = torchvision.models.get_model(name, weights=weights_of(name), progress=False)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", "") or error
        raise WeightsError(
            f"torchvision's weights of {name} cannot be fetched ({reason}): they need the network once; "
            "with none, pass ONNX files"
        ) from error
    write(net, _IMAGE, path)
