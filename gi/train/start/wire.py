"""The wire form of a training's seeding: written by a worker, read and checked by the driver, without torch."""

from math import isfinite
from typing import Any

from gi.core.types import SeededLayer, Seeding

_MOST_LAYERS = 500


def seeding_json(seeding: Seeding) -> dict[str, Any]:
    """Plain JSON values: each layer as [layer, network, donor's layer, channels, how]."""
    rows = [[row.layer, row.network, row.donor_layer, row.channels, row.how] for row in seeding.layers]
    return {"layers": rows, "won": seeding.won, "cpu_s": seeding.cpu_s}


def seeding_from_json(answer: Any) -> Seeding | None:
    """What `seeding_json` wrote; None for anything else, since the worker's candidate could have written it."""
    try:
        layers = tuple(
            SeededLayer(str(layer)[:200], str(network)[:200], str(donor_layer)[:200], int(channels), str(how)[:40])
            for layer, network, donor_layer, channels, how in answer["layers"][:_MOST_LAYERS]
        )
        cpu_s = float(answer["cpu_s"])
        return Seeding(layers, bool(answer["won"]), cpu_s) if isfinite(cpu_s) and cpu_s >= 0 else None
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
