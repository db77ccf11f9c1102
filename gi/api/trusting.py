"""Gates for texts that the user trusts: an own model file, or a run's seed programs. See `gi.source.gate.passing`."""

from typing import TYPE_CHECKING

from gi.source.gate.passing import Gate

if TYPE_CHECKING:
    from gi.api.model_file import ModelFile
    from gi.archive import Archive


def model_gate(model: "ModelFile", *, trust: bool) -> Gate:
    """The gate for programs made from a model file."""
    # Both: runs start from the text with a recipe, `gi vary` and `gi repair` from the file's own.
    return Gate((model.text, model.as_it_is.text) if trust else ())


def run_gate(archive: "Archive", *, trust: bool) -> Gate:
    """The gate for the programs of a run. Trust is given with each call, since a run's file must not grant it."""
    return Gate(tuple(seed.text for seed in archive.seeds()) if trust else ())
