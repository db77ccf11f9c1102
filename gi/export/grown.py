"""A grown network as one plain PyTorch file, its weights and the data that it needs beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gi
from gi.core.files import write_whole
from gi.core.quoting import comment, docstring, shown
from gi.data.dataset import Dataset
from gi.export.data import companion_name, data_facts, write_splits
from gi.export.formats import SUFFIXES
from gi.export.render import DataFacts, Figures, model_text


@dataclass(frozen=True, slots=True)
class LayerOrigin:
    """Origin of the kernels of one convolution.

    `how` says how they were obtained. `source` names the network and its layer, or the whole index, which has no
    licence and no origin of its own.
    """

    channels: int
    how: str
    source: str
    licence: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownModel:
    """A network that was grown and trained; errors are shares of 1, `control_test` that of its control, if it has one.

    `given` is what the user called the data set, `way` says what the network was grown from.
    """

    text: str
    weights: bytes
    dataset: Dataset
    given: str
    way: str
    layers: Sequence[LayerOrigin]
    seed: int
    batch_size: int
    num_params: int
    steps: int
    validation: float
    test: float
    control_test: float | None = None


def write_grown(out: Path, model: GrownModel) -> None:
    """Writes the file `out`, its weights beside it, and data/ where the data set has no files of its own."""
    data = data_facts(model.dataset, model.given)
    figures = Figures(
        num_params=model.num_params, batch_size=model.batch_size, steps=model.steps,
        validation_errors=(model.validation,), test_errors=(model.test,),
    )  # fmt: skip
    weights = out.with_suffix(SUFFIXES["weights"])
    text = model_text(model.text, (), data, figures, header=_header(model, data, weights.name))
    companion = companion_name(model.dataset, model.given)
    out.parent.mkdir(parents=True, exist_ok=True)
    if companion:
        write_splits(model.dataset, out.parent / "data" / companion)
    # The program comes last: a file `out` that exists has its weights and its data beside it.
    write_whole(weights, model.weights)
    write_whole(out, text.encode())


def _header(model: GrownModel, data: DataFacts, weights: str) -> str:
    """The file's docstring, with errors beside the control's, and the origin of each layer's initial kernels."""
    beside = ""
    if model.control_test is not None:
        beside = f"\nfrom Kaiming      {model.control_test:.2%} in the same CPU seconds, search included"
    text = f"""A network for the data set {shown(data.name)}, grown from {model.way} by gi {gi.__version__}.

test error        {model.test:.2%} (1 training, seed {model.seed}){beside}
validation error  {model.validation:.2%}
parameters        {model.num_params:,}

python model.py               describes the network
python model.py --data DIR    trains it from PyTorch's own start, saves the weights, prints its error on the
                              test part; DIR holds {shown(data.hint)}
python model.py --weights "{shown(weights)}" --predict IMAGE
                              names the class of image files, with the weights that it was grown and trained to
"""
    origins = [line for number, layer in enumerate(model.layers, start=1) for line in _origin_lines(number, layer)]
    heading = "# Where the kernels come from, before all layers were trained together:"
    return "\n".join([docstring(text), "", heading, *origins, "", ""])


def _origin_lines(number: int, layer: LayerOrigin) -> list[str]:
    lines = [comment(f"  convolution {number}, {layer.channels} channels: {layer.how} {layer.source}")]
    return lines + ([comment(f"    {layer.licence}, {layer.origin or 'of unknown origin'}")] if layer.licence else [])
