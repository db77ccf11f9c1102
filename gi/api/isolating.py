"""How far programs are closed off, as a caller chooses it for one piece of work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from gi.core.errors import ConfigError
from gi.sandbox.isolation import VARIABLE, Isolation, chosen_isolation, probed_layers


@contextmanager
def isolated(chosen: Isolation | None) -> Iterator[None]:
    """While it lasts, workers that start are isolated as chosen; None leaves the choice to $GI_ISOLATION, else "auto".

    Raises `ConfigError` for another word, and where strict isolation is not to be had.
    """
    before = os.environ.get(VARIABLE)
    try:
        if chosen is not None:
            # By the environment, which the fork servers of all later workers inherit.
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
    """Which layers of isolation this system lacks, and why; "" where it has them all, or none was asked for."""
    if chosen_isolation() == "off":
        return ""
    lacking = [f"{name} ({why})" for name, why in _layers().items() if why]
    return f"this system lacks {', '.join(lacking)}" if lacking else ""


@cache  # a process for each question; the answer is the system's, not the moment's
def _layers() -> dict[str, str]:
    return probed_layers()
