"""The isolation of workers that a caller chooses for one call."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from gi.core.errors import ConfigError
from gi.sandbox.isolation import VARIABLE, Isolation, chosen_isolation, probed_layers


@contextmanager
def isolated(chosen: Isolation | None) -> Iterator[None]:
    """While active, new workers are isolated as chosen; None leaves the choice to $GI_ISOLATION, else "auto".

    Raises `ConfigError` for another value, and where strict isolation is not available.
    """
    before = os.environ.get(VARIABLE)
    try:
        if chosen is not None:
            # Through the environment, which the fork servers of all later workers inherit.
            os.environ[VARIABLE] = chosen
        refuse_missing()
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def refuse_missing() -> None:
    """Raises `ConfigError` where strict isolation is chosen and a layer of it is missing."""
    missing = missing_layers_text() if chosen_isolation() == "strict" else ""
    if missing:
        raise ConfigError(f"--isolation strict: {missing}. Leave it out to run with the layers that there are.")


def missing_layers_text() -> str:
    """The layers of isolation that this system lacks, with reasons; "" where it lacks none, or isolation is off."""
    if chosen_isolation() == "off":
        return ""
    lacking = [f"{name} ({why})" for name, why in _layers().items() if why]
    return f"this system lacks {', '.join(lacking)}" if lacking else ""


@cache  # each probe starts a process, and the answer does not change
def _layers() -> dict[str, str]:
    return probed_layers()
