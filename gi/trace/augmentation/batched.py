"""Quicker forms of torchvision's most used transforms, for a whole batch of images, mostly floats.

Each takes a transform, of either version of torchvision's API, and a batch (n, c, h, w), and gives what applying the
transform to one image after the other gives, with the same random numbers. Drawing stays image by image where one
draw decides what the next one is; the pixels are worked on together. On a batch of 64 images that takes a tenth to a
fifth of the time of one image after the other, which would be several times that of a small network's training step.
"""

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from gi.trace.augmentation.per_image import own_draws

Batched = Callable[[Any, Tensor], Tensor]


def _flipped(axis: int) -> Batched:
    return lambda part, images: torch.where(_drawn(part, images)[:, None, None, None], images.flip(axis), images)


def _drawn(part: Any, images: Tensor) -> Tensor:
    """Which of the images a transform with a probability is for. One call draws what as many calls would."""
    return torch.rand(len(images)).lt(part.p).to(images.device)


def _sometimes(part: Any, images: Tensor) -> Tensor:
    """A transform that draws whether, and nothing else."""
    chosen = _drawn(part, images)
    if not chosen.any():
        return images
    always = copy.copy(part)
    always.p = 1.0
    with own_draws(0):
        changed = always(images[chosen])
    images = images.clone()
    images[chosen] = changed
    return images


def _whole(part: Any, images: Tensor) -> Tensor:
    return part(images)  # type: ignore[no-any-return]


def _affine(part: Any, images: Tensor) -> Tensor:
    n, _, height, width = images.shape
    limits = [part.degrees]
    if part.translate is not None:
        x, y = part.translate[0] * width, part.translate[1] * height
        limits += [(-x, x), (-y, y)]
    limits += [part.scale] if part.scale is not None else []
    shears = part.shear or ()
    limits += [shears[i : i + 2] for i in range(0, len(shears), 2)]
    columns = list(_uniform(n, limits))
    angle = columns.pop(0)
    shift = [columns.pop(0).round(), columns.pop(0).round()] if part.translate is not None else [_zeros(n)] * 2
    scale = columns.pop(0) if part.scale is not None else _zeros(n) + 1
    shear = [*columns, _zeros(n), _zeros(n)][:2]
    return _moved(part, images, _inverse(_centre(part, images), angle, shift, scale, shear))


def _rotation(part: Any, images: Tensor) -> Tensor:
    if part.expand:
        return torch.stack([part(image) for image in images])
    (angle,) = _uniform(len(images), [part.degrees])
    nothing = _zeros(len(images))
    return _moved(part, images, _inverse(_centre(part, images), -angle, [nothing] * 2, nothing + 1, [nothing] * 2))


def _zeros(n: int) -> Tensor:
    return torch.zeros(n, dtype=torch.float64)


def _uniform(n: int, limits: list[Any]) -> Iterator[Tensor]:
    """For each pair of limits a column of n draws, drawn image by image."""
    draws = torch.rand(n, len(limits))
    for column, (low, high) in zip(draws.T, limits, strict=True):
        yield (column * (high - low) + low).double()


def _centre(part: Any, images: Tensor) -> tuple[float, float]:
    if part.center is None:
        return 0.0, 0.0
    return part.center[0] - images.shape[3] * 0.5, part.center[1] - images.shape[2] * 0.5


def _inverse(
    centre: tuple[float, float], angle: Tensor, shift: list[Tensor], scale: Tensor, shear: list[Tensor]
) -> Tensor:
    """(n, 2, 3) matrices from output to input pixels, centres at 0, as torchvision's `_get_inverse_affine_matrix`."""
    rotation, shear_x, shear_y = (torch.deg2rad(each) for each in (angle, *shear))
    a = torch.cos(rotation - shear_y) / torch.cos(shear_y)
    b = -(a * torch.tan(shear_x) + torch.sin(rotation))
    c = torch.sin(rotation - shear_y) / torch.cos(shear_y)
    d = torch.cos(rotation) - c * torch.tan(shear_x)
    rows = []
    for first, second, own in ((d / scale, -b / scale, centre[0]), (-c / scale, a / scale, centre[1])):
        rows += [first, second, own - first * (centre[0] + shift[0]) - second * (centre[1] + shift[1])]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


@lru_cache(maxsize=8)
def _pixel_places(height: int, width: int) -> Tensor:
    """(h * w, 3): x, y and 1 of every pixel, from the centre."""
    ys, xs = (torch.linspace(0.5 - size / 2, size / 2 - 0.5, size) for size in (height, width))
    grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones(height * width)])
    return grid.T


def _moved(part: Any, images: Tensor, matrices: Tensor) -> Tensor:
    """The images with pixels fetched from where the matrices say, and the fill where that is outside."""
    if not images.is_floating_point():
        return _moved(part, images.float(), matrices).round().to(images.dtype)
    n, channels, height, width = images.shape
    sizes = torch.tensor([0.5 * width, 0.5 * height])
    grid = _pixel_places(height, width) @ (matrices.float().transpose(1, 2) / sizes)
    mode = getattr(part.interpolation, "value", part.interpolation)
    padded = torch.cat([images, images.new_ones(n, 1, height, width)], dim=1)
    moved = grid_sample(padded, grid.view(n, height, width, 2).to(images.device), mode, "zeros", align_corners=False)
    pixels, inside = moved[:, :channels], moved[:, channels:]
    fill = part.fill if part.fill is not None else 0
    colour = torch.tensor(fill, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    return torch.where(inside < 0.5, colour, pixels) if mode == "nearest" else (pixels - colour) * inside + colour


def _crop(part: Any, images: Tensor) -> Tensor:
    if part.pad_if_needed:
        return torch.stack([part(image) for image in images])
    if part.padding:
        images = _padded(part, images)
    n, _, height, width = images.shape
    rows, columns = (side - size + 1 for side, size in zip((height, width), part.size, strict=True))
    if min(rows, columns) < 1:
        part(images[0])  # raises, and says why
    if rows == columns == 1:
        return images
    free = (rows, columns)
    drawn = [axis for axis in (0, 1) if free[axis] > 1 or not _is_v2(part)]  # v2 draws nothing along a side that fits
    starts = torch.zeros(n, 2, dtype=torch.long)
    if len(drawn) == 2 and rows == columns:
        starts = torch.randint(0, rows, (n, 2))
    else:
        starts[:, drawn] = torch.tensor([[int(torch.randint(0, free[axis], ())) for axis in drawn] for _ in range(n)])
    return _windows(images, starts.to(images.device), part.size)


def _is_v2(part: Any) -> bool:
    return hasattr(part, "transform")


def _padded(part: Any, images: Tensor) -> Tensor:
    from torchvision.transforms import functional

    sides = part.padding
    if _is_v2(part) and len(sides) == 4:  # left, right, top, bottom
        sides = [sides[0], sides[2], sides[1], sides[3]]
    fill = part.fill
    if isinstance(fill, (tuple, list)) and len(set(fill)) == 1:
        fill = fill[0]
    return functional.pad(images, sides, fill, part.padding_mode)  # type: ignore[no-any-return]


def _windows(images: Tensor, starts: Tensor, size: tuple[int, int]) -> Tensor:
    """From each image the window of a size that starts at its row and column."""
    samples = torch.arange(len(images), device=images.device)[:, None, None]
    rows = (starts[:, :1] + torch.arange(size[0], device=images.device))[:, :, None]
    columns = (starts[:, 1:] + torch.arange(size[1], device=images.device))[:, None, :]
    return images.permute(0, 2, 3, 1)[samples, rows, columns].permute(0, 3, 1, 2).contiguous()


def _erasing(part: Any, images: Tensor) -> Tensor:
    images = images.clone()
    value = None if isinstance(part.value, str) else part.value
    value = [float(value)] if isinstance(value, (int, float)) else value
    for image in images:
        if torch.rand(1) < part.p:
            if _is_v2(part):
                drawn = part.make_params([image])
                top, left, height, width, pixels = (drawn[key] for key in "ijhwv")
            else:
                top, left, height, width, pixels = part.get_params(image, part.scale, part.ratio, value)
            if pixels is not None:
                image[:, top : top + height, left : left + width] = pixels
    return images


def _jitter(part: Any, images: Tensor) -> Tensor:
    """Brightness, contrast and saturation in each image's own order; hue, which is rarer, image by image."""
    limits = (part.brightness, part.contrast, part.saturation, part.hue)
    order, factors = [], []
    for _ in range(len(images)):
        order.append(torch.randperm(4))
        factors.append([torch.empty(1).uniform_(*limit).item() if limit is not None else 1.0 for limit in limits])
    kinds, strength = torch.stack(order).to(images.device), torch.tensor(factors, device=images.device)
    images = images.clone()
    for turn in range(4):
        for kind, limit in enumerate(limits):
            chosen = (kinds[:, turn] == kind).nonzero().flatten()
            if limit is not None and len(chosen):
                images[chosen] = _ADJUSTMENTS[kind](images[chosen], strength[chosen, kind])
    return images


def _blended(images: Tensor, others: Tensor | float, share: Tensor) -> Tensor:
    share = share.view(-1, 1, 1, 1)
    return (images * share + others * (1 - share)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    return red * 0.2989 + green * 0.587 + blue * 0.114


def _hue(images: Tensor, shifts: Tensor) -> Tensor:
    # `adjust_hue` takes one shift for all of a batch, and nothing public turns colours into hues.
    from torchvision.transforms._functional_tensor import _hsv2rgb, _rgb2hsv

    if images.shape[1] == 1:
        return images
    hue, saturation, value = _rgb2hsv(images).unbind(1)
    return _hsv2rgb(torch.stack([(hue + shifts.view(-1, 1, 1)) % 1.0, saturation, value], dim=1))  # type: ignore[no-any-return]


_ADJUSTMENTS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda images, share: _blended(images, 0.0, share),
    lambda images, share: _blended(images, _grey(images).mean((1, 2, 3), keepdim=True), share),
    lambda images, share: _blended(images, _grey(images), share) if images.shape[1] == 3 else images,
    _hue,
)

_BY_NAME: Mapping[str, Batched] = {
    "RandomHorizontalFlip": _flipped(-1),
    "RandomVerticalFlip": _flipped(-2),
    "RandomAffine": _affine,
    "RandomRotation": _rotation,
    "RandomCrop": _crop,
    "RandomErasing": _erasing,
    "ColorJitter": _jitter,
    **dict.fromkeys(("RandomGrayscale", "RandomInvert", "RandomAutocontrast", "RandomAdjustSharpness"), _sometimes),
    **dict.fromkeys(("Resize", "CenterCrop", "Pad", "Grayscale"), _whole),
}


def batched_forms() -> Mapping[type, Batched]:
    """The batched form of each class of transforms that has one; none where no program has imported torchvision."""
    return _by_class() if "torchvision.transforms" in sys.modules else {}


@lru_cache(maxsize=1)
def _by_class() -> Mapping[type, Batched]:
    from torchvision import transforms
    from torchvision.transforms import v2

    return {getattr(module, name): form for module in (transforms, v2) for name, form in _BY_NAME.items()}
