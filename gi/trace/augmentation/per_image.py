"""Applies a recipe's augmentation to a batch of pixels from 0 to 1, with separate draws for every image.

torchvision's transforms draw once for each call, so they are called image by image. A function of the program may
take a batch or an image: a few trials show which. Images are normalised afterwards, by the data set's mean and
deviation; transforms that only convert or normalise pixels (`ToTensor`, `Normalize`) are skipped.
Exported files hold the text of this module, which for that reason imports nothing of gi.
"""

import contextlib
import inspect
import random as python_random  # a program may bring its own `random` into an exported file
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Step = Callable[[Tensor], Tensor]

# Images are tensors from 0 to 1 already, and are normalised later, in evaluation too: these would do it twice.
FORM_TRANSFORMS = {
    "ToTensor", "PILToTensor", "ToImage", "ToPureTensor", "ToPILImage", "ConvertImageDtype", "ToDtype", "Normalize",
}  # fmt: skip
BYTE_TRANSFORMS = {
    "AutoAugment",
    "RandAugment",
    "TrivialAugmentWide",
    "AugMix",
    "RandomPosterize",
    "RandomEqualize",
    "JPEG",
}
STEP_CONTAINERS = {"Compose", "Sequential", "RandomApply"}


def augmenter(augmentation: Any, shape: tuple[int, ...], batched: Mapping[type, Any] = {}) -> Step:
    """The function from a batch (n, c, h, w) of pixels from 0 to 1 to its augmented batch, float32.

    `shape` is an image's (c, h, w), which must not change. `batched` may map a transform class to a faster function of
    (transform, batch) with the same result. Raises `ValueError` where the augmentation returns other than images of
    this shape, and the augmentation's own exceptions.
    """
    # A trial must not advance the run's generators: the same seed gives the same training with and without it.
    with own_draws(0):
        steps = list(planned_steps(augmentation, torch.rand(4, *shape), batched))

    def augment(images: Tensor) -> Tensor:
        changed = run_steps(steps, images)
        if changed.shape != images.shape:
            gives, given = (f"{tuple(batch.shape[1:])}, {len(batch)} of them" for batch in (changed, images))
            raise ValueError(f"the augmentation gives images of {gives}, for images of {given}")
        return changed

    # One call as in training, so that a wrong shape fails here and not in the first step.
    with own_draws(0):
        augment(torch.rand(4, *shape))
    return augment


def run_steps(steps: list[Step], images: Tensor) -> Tensor:
    """Run one step after the other, each on the whole batch."""
    for step in steps:
        images = step(images)
        if not isinstance(images, Tensor):
            raise ValueError(f"the augmentation gives a {type(images).__name__}, not a batch of images")
        # Back to floats, since the next transform may need them.
        images = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    return images


def planned_steps(part: Any, sample: Tensor, batched: Mapping[type, Any]) -> Iterator[Step]:
    """Yield the steps of a transform, of a container of transforms or of a function, tried on the batch `sample`."""
    name, known = type(part).__name__, type(part).__module__.startswith(("torchvision.transforms.", "torch.nn."))
    if known and name in STEP_CONTAINERS:
        inner: list[Step] = []
        for child in part if isinstance(part, nn.Sequential) else part.transforms:
            # Each child is tried on the output of those before it, as in training.
            steps = list(planned_steps(child, run_steps(inner, sample), batched))
            inner += steps
        yield from [lambda images: some_images(part.p, inner, images)] if name == "RandomApply" else inner
    elif known and name in ("MixUp", "CutMix"):
        raise ValueError(f"{name} mixes labels too, and an augmentation gets images alone")
    elif not known and part is not None:
        yield own_step(part, sample)
    elif type(part) in batched:
        yield with_bytes(lambda images: batched[type(part)](part, images), part)
    elif name not in FORM_TRANSFORMS and part is not None:
        yield with_bytes(lambda images: each_image(part, images), part)


def each_image(part: Any, images: Tensor) -> Tensor:
    """Apply a transform to one image after the other."""
    changed = [part(image) for image in images]
    if not all(isinstance(image, Tensor) and image.shape == changed[0].shape for image in changed):
        raise ValueError(f"{type(part).__name__} gives no images of one size")
    return torch.stack(changed)


def some_images(p: float, steps: list[Step], images: Tensor) -> Tensor:
    """Run the steps on a random share `p` of the images."""
    chosen = torch.rand(len(images)) < p
    if chosen.any():
        images = images.clone()
        images[chosen] = run_steps(steps, images[chosen])
    return images


def with_bytes(step: Step, part: Any) -> Step:
    """Pass a step bytes where its transform takes only bytes, or has a colour on their scale (`fill=128`)."""
    parts = [part, *getattr(part, "transforms", [])]
    colours = [getattr(p, name, 0) for p in parts for name in ("fill", "value", "threshold")]
    flat = [c for colour in colours for c in (colour if isinstance(colour, (list, tuple)) else [colour])]
    is_large = any(isinstance(c, (int, float)) and c > 1 for c in flat)
    needs = is_large or any(type(p).__name__ in BYTE_TRANSFORMS for p in parts)
    return (lambda images: step(bytes_of(images))) if needs else step


def bytes_of(images: Tensor) -> Tensor:
    """Turn pixels from 0 to 1 into bytes."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


def own_step(function: Any, sample: Tensor) -> Step:
    """A function of the program as a step: called on the batch, or on each image where it takes or draws for one."""
    # Whole batches first: they are cheaper, and most functions that take both are meant for batches.
    ways: list[Step] = [function, lambda images: each_image(function, images)]
    if takes_one_image(function):
        ways = ways[1:]
    ways += [lambda images, way=way: way(bytes_of(images)) for way in ways]  # type: ignore[misc]
    fitting: Step | None = None
    problem: Exception | None = None
    for way in ways:
        try:
            with own_draws(0):
                changed = way(sample.clone())
        except Exception as error:  # the function's own, of any class
            problem = problem or error
            continue
        if not isinstance(changed, Tensor) or changed.dim() != sample.dim() or len(changed) != len(sample):
            raise ValueError(
                f"{getattr(function, '__name__', type(function).__name__)} gives no batch of as many images"
            )
        # A way that keeps the shape is preferred to one that merely runs: an image function may accept a batch as an
        # image of n rows.
        fitting = way if fitting is None or changed.shape == sample.shape else fitting
        if changed.shape == sample.shape:
            break
    if fitting is None:
        raise problem or ValueError("the augmentation cannot be called")
    if fitting is function and draws_once(function, sample):
        return lambda images: torch.cat([function(image[None]) for image in images])
    return fitting


def takes_one_image(function: Any) -> bool:
    """Whether a function names its argument as one image."""
    with contextlib.suppress(TypeError, ValueError):
        return next(iter(inspect.signature(function).parameters), "") in ("image", "img")
    return False


def draws_once(function: Any, sample: Tensor) -> bool:
    """Whether a function makes the same draws for a batch of any size, so that all images would share them.

    False for a function that mixes the images of a batch.
    """
    import numpy  # here, so that reading an exported network does not need it

    # A function that draws with a probability may draw nothing in one trial, hence eight seeds.
    for seed in range(8):
        outcomes = []
        for batch in (sample[:2], sample[[0, 2]], sample):
            with own_draws(seed):
                outcomes.append(
                    (function(batch.clone())[0], torch.rand(()).item(), python_random.random(), numpy.random.rand())
                )
        with own_draws(seed):
            untouched = (torch.rand(()).item(), python_random.random(), numpy.random.rand())
        # The first image depends on the others: the function mixes the batch.
        if not torch.equal(outcomes[0][0], outcomes[1][0]):
            return False
        if outcomes[0][1:] == outcomes[2][1:] != untouched:
            return True
    return False


@contextlib.contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """Seed all generators for a trial, and restore their states afterwards."""
    import numpy

    states = torch.get_rng_state(), python_random.getstate(), numpy.random.get_state()
    torch.default_generator.manual_seed(seed)
    python_random.seed(seed)
    numpy.random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        python_random.setstate(states[1])
        numpy.random.set_state(states[2])
