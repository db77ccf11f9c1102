"""What a user vouches for: his own file, and a run by what it started from. See `gi.source.gate.passing`."""

from typing import TYPE_CHECKING

from gi.source.gate.passing import Gate

if TYPE_CHECKING:
    from gi.api.model_file import ModelFile
    from gi.archive import Archive


def model_gate(model: "ModelFile", *, trust: bool) -> Gate:
    """The gate for programs made from a model file."""
    return Gate((model.text, model.as_it_is.text) if trust else ())


def run_gate(archive: "Archive", *, trust: bool) -> Gate:
    """The gate for the programs of a run. What the run's file says is nobody's word: trust is given with each call."""
    return Gate(tuple(seed.text for seed in archive.seeds()) if trust else ())
