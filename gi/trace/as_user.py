"""Builds and runs a file as a user would: from a real file, with plain torch and default arguments. Worker only.

The text that gi prints was checked on meta tensors, without torch's compilers, and with arguments that may not be in
the text. So it is run once more before it is returned: the module is imported, its network built, and a batch of two
images passed through it.
"""

import contextlib
import importlib.util
import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from gi.source.tree.entry import entry_call
from gi.trace.program.candidate import CandidateError, blame

# One image alone can pass where a batch does not: `x.view(-1)` gives the classes of one image.
_IMAGES = 2
# Pickling and dataclasses look the module up by this name.
_MODULE = "model_of_user"
_NO_MEMORY = re.compile(r"can't allocate memory|MemoryError|not enough memory")


def handle(content: str, entries: list[str], input_shape: list[int]) -> list[str]:
    """The error of building and running each entry; "" where it works or needs more memory than the worker has."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder, f"{_MODULE}.py")
        path.write_text(content, "utf-8")
        # Compiling would take half a minute and find no error that a run without it misses.
        with torch.compiler.set_stance("force_eager"):
            return [_error_of(path, entry, input_shape) for entry in entries]


def _error_of(path: Path, entry: str, input_shape: list[int]) -> str:
    try:
        with blame("build"):
            spec = importlib.util.spec_from_file_location(_MODULE, path)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[_MODULE] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            # The entry was checked to be a name called with literals alone (gi.source.tree.entry).
            net: Any = eval(entry_call(entry), module.__dict__)
            with torch.no_grad():
                output = net(torch.zeros(_IMAGES, *input_shape))
    except CandidateError as error:
        # A network that is too large for the worker is no error in its text.
        return "" if _NO_MEMORY.search(error.detail) else error.detail
    shape = tuple(getattr(output, "shape", ()))
    return "" if shape[:1] == (_IMAGES,) and len(shape) == 2 else f"a batch of {_IMAGES} images gives {shape}"
