"""An individual of a run: its source, its network, its predictions."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gi.api.html import individual_html
from gi.api.images import ImageInput, ImagePreparation
from gi.api.messages import log
from gi.core.errors import RunError, SourceError
from gi.core.settings import RunConfig
from gi.core.types import Failed
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gi.export import Exported


@dataclass(frozen=True, repr=False)
class RunIndividual:
    """One program of a run, as a record without later changes of the run.

    `values` are the figures of its longest training in the search, by objective (the error on the validation split), {}
    where it was not evaluated, or failed, as in `failure`. `validation_errors` and `test_errors` are those of its final
    trainings, one for each seed, by the run's metric. `parents` are ids. `weights` is the file of trained weights, a
    state dict, or its bytes (`held`); None without a final training. `gate` decides whether its program may be run,
    here and in a worker.
    """

    id: str
    source: str
    generation: int
    parents: tuple[str, ...]
    values: Mapping[str, float]
    validation_errors: tuple[float, ...]
    test_errors: tuple[float, ...]
    failure: Failed | None
    run: Path
    config: RunConfig
    weights: Path | bytes | None
    preparation: ImagePreparation | None = field(default=None, compare=False)
    gate: Gate = field(default=STRICT, compare=False)

    def build(self, *, trained: bool = True) -> "nn.Module":
        """Its network, a plain `torch.nn.Module` on the CPU, with its trained weights, in evaluation mode.

        With `trained=False`, the untrained network. Its inputs are those of `inputs`.

        **This runs the program's code in your own process**, with all its rights; lines of it may come from harvested
        repositories. Read `source` first, or let `predict` run it in a confined worker.

        Raises `RunError` where the run has no trained weights of it, `SourceError` where the program fails, and where
        the gate refuses it.
        """
        from gi.api.building import built

        refusal = self.gate.refusal(self.source, self.config.entry)
        if refusal is not None:
            raise SourceError(
                f"program {self.id[:8]} is refused by the gate, {refusal}: here it would run without a sandbox. Where "
                f"its `source` is your own code, open the run by gi.open_run({str(self.run)!r}, trust=True)."
            )
        return built(self.id, self.source, self.config.entry, self.trained_weights() if trained else None)

    def inputs(self, images: ImageInput) -> "Tensor":
        """The images as inputs of the network: (n, c, h, w) float32, normalised as in training. See `predict`."""
        from gi.api.building import tensor

        preparation = self.prepared()
        return tensor(preparation.normalised(preparation.pixels(images)))

    def predict(self, images: ImageInput) -> NDArray[np.str_]:
        """The name (n,) of the most probable class of each image.

        `images` are arrays (n, h, w), (n, h, w, c) or (n, c, h, w), uint8 or numbers from 0 to 1, or image files. The
        program runs in a confined worker process. Raises `RunError` where the run has no trained weights of it, and
        where it fails; `SourceError` where the gate refuses it; `DatasetError` for images of another shape, and where
        the run's data set is missing.
        """
        names = np.array(self.prepared().class_names)
        chosen: NDArray[np.str_] = names[self.predict_proba(images).argmax(axis=1)]
        return chosen

    def predict_proba(self, images: ImageInput) -> NDArray[np.float64]:
        """The probability (n, classes) of each class, in the order of the data set's classes. See `predict`."""
        from gi.api.predicting import probabilities

        return probabilities(self, self.prepared().pixels(images))

    def export(
        self,
        out: str | Path = "model.py",
        *,
        weights: bool = False,
        onnx: bool = False,
        pt2: bool = False,
        tidy: bool | None = None,
        force: bool = False,
    ) -> "Exported":
        """Writes it as one plain PyTorch file, as `gi export` does, and returns the written files.

        `tidy` chooses whether it is tidied; None tidies unless the run started from the user's own model.
        """
        from gi.archive import Archive
        from gi.export import export_subject, formats, individual_subject, refuse_existing, tidied_for_run

        path, kinds = Path(out), formats(weights=weights, onnx=onnx, pt2=pt2)
        refuse_existing(path, kinds=kinds, force=force)
        with Archive.open(self.run) as archive:
            self.gate.require(self.source, self.config.entry, f"program {self.id[:8]}")
            with tidied_for_run(archive, individual_subject(archive, self.id), tidy, gate=self.gate) as made:
                if made.note:
                    log(made.note)
                return export_subject(archive, made.subject, path, kinds, force=force, gate=self.gate)

    def held(self) -> "RunIndividual":
        """A copy that holds weights and preparation itself, so that it works without the run's folder and pickled."""
        weights = self.weights.read_bytes() if isinstance(self.weights, Path) else self.weights
        return dataclasses.replace(self, weights=weights, preparation=self.prepared())

    def trained_weights(self) -> Path | bytes:
        """Its trained weights, a state dict: the file, or its bytes. Raises `RunError` where there are none."""
        if self.weights is None:
            raise RunError(
                f"the run has no weights of {self.id[:8]}: only members of the front of a finished run are trained to "
                f"the end. Go on with it by gi.resume({str(self.run)!r}), or train it: export() writes a file that "
                "does so by `python model.py --data DIR`, and build(trained=False) gives the untrained network."
            )
        return self.weights

    def prepared(self) -> ImagePreparation:
        """The conversion of images to its inputs. Raises `DatasetError` where the run's data set is missing."""
        if self.preparation is not None:
            return self.preparation
        from gi.data.dataset import run_dataset

        return ImagePreparation.of(run_dataset(self.config))

    def figures(self) -> dict[str, str]:
        """Its formatted figures by name."""
        return {key: self.config.objective(key).text(self.values[key]) for key in self.config.objectives if self.values}

    def __repr__(self) -> str:
        figures = [f"{key} {text}" for key, text in self.figures().items()]
        return f"<individual {self.id[:8]}: {', '.join(figures) or 'not scored'}>"

    def _repr_html_(self) -> str:
        return individual_html(self)
