"""Batched forms of the transforms that move pixels: flips, affine maps, perspectives, crops."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from gi.trace.augmentation.draws import as_uniform, next_words, skip_words


def chosen_images(part: Any, images: Tensor) -> Tensor:
    """(n,) bool: the images that a transform with a probability applies to. One call draws the same as n would."""
    return torch.rand(len(images)).lt(part.p).to(images.device)


def flipped(axis: int) -> Callable[[Any, Tensor], Tensor]:
    """The batched form of a flip along an axis."""
    return lambda part, images: torch.where(chosen_images(part, images)[:, None, None, None], images.flip(axis), images)


def affine(part: Any, images: Tensor) -> Tensor:
    """`RandomAffine`."""
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
    if not (any(part.degrees) or part.scale is not None or shears) and _is_nearest(part):
        return _shifted(part, images, *(each.long() for each in shift))
    scale = columns.pop(0) if part.scale is not None else _zeros(n) + 1
    shear = [*columns, _zeros(n), _zeros(n)][:2]
    return _resampled(part, images, _grid(images, _inverse(_centre(part, images), angle, shift, scale, shear)))


def _is_nearest(part: Any) -> bool:
    return bool(getattr(part.interpolation, "value", part.interpolation) == "nearest")


def _shifted(part: Any, images: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Images moved by whole pixels, as windows of a padded batch: the same as `grid_sample`, and faster."""
    n, channels, height, width = images.shape
    x, y = int(right.abs().max()), int(down.abs().max())
    padded = _colour(part, images).expand(n, channels, height + 2 * y, width + 2 * x).clone()
    padded[:, :, y : y + height, x : x + width] = images
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    rows, columns = (y - down).to(images.device), (x - right).to(images.device)
    return windows[torch.arange(n, device=images.device), :, rows, columns]


def _colour(part: Any, images: Tensor) -> Tensor:
    """(1, c or 1, 1, 1): a transform's fill colour."""
    return torch.tensor(part.fill or 0, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


def rotation(part: Any, images: Tensor) -> Tensor:
    """`RandomRotation`."""
    if part.expand:
        # Images expanded for different angles have different sizes and form no batch.
        return torch.stack([part(image) for image in images])
    (angle,) = _uniform(len(images), [part.degrees])
    none = _zeros(len(images))
    matrices = _inverse(_centre(part, images), -angle, [none] * 2, none + 1, [none] * 2)
    return _resampled(part, images, _grid(images, matrices))


def _zeros(n: int) -> Tensor:
    return torch.zeros(n, dtype=torch.float64)


def _uniform(n: int, limits: list[Any]) -> Iterator[Tensor]:
    """For each pair of limits (n,) draws."""
    # All numbers of one image, then those of the next, in the order of image-by-image draws.
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
    turn, shear_x, shear_y = (torch.deg2rad(each) for each in (angle, *shear))
    a = torch.cos(turn - shear_y) / torch.cos(shear_y)
    b = -(a * torch.tan(shear_x) + torch.sin(turn))
    c = torch.sin(turn - shear_y) / torch.cos(shear_y)
    d = torch.cos(turn) - c * torch.tan(shear_x)
    rows = []
    for first, second, own in ((d / scale, -b / scale, centre[0]), (-c / scale, a / scale, centre[1])):
        rows += [first, second, own - first * (centre[0] + shift[0]) - second * (centre[1] + shift[1])]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


@lru_cache(maxsize=8)
def _pixel_places(height: int, width: int, first: float | None = None) -> Tensor:
    """(h * w, 3): x, y and 1 of every pixel, relative to the centre, or with the first pixel at `first`."""
    starts = [(1 - size) / 2 if first is None else first for size in (height, width)]
    ys, xs = (torch.arange(size) + start for size, start in zip((height, width), starts, strict=True))
    return torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones(height * width)]).T.contiguous()


def _grid(images: Tensor, matrices: Tensor) -> Tensor:
    """(n, h, w, 2): the source position of each pixel, as `grid_sample` takes it."""
    n, _, height, width = images.shape
    sizes = torch.tensor([0.5 * width, 0.5 * height])
    # The coordinates of `grid_sample` go from -1 to 1 over the image.
    return (_pixel_places(height, width) @ (matrices.float().transpose(1, 2) / sizes)).view(n, height, width, 2)


def _resampled(part: Any, images: Tensor, grid: Tensor) -> Tensor:
    """The images with pixels from the grid's positions, and the fill colour for positions outside."""
    if not images.is_floating_point():
        return _resampled(part, images.float(), grid).round().to(images.dtype)
    mode, fill = getattr(part.interpolation, "value", part.interpolation), part.fill or 0
    is_black = not any(fill) if isinstance(fill, (tuple, list)) else not fill
    if is_black and mode == "nearest":  # pixels from outside are 0 already
        return grid_sample(images, grid.to(images.device), mode, "zeros", align_corners=False)
    channels = images.shape[1]
    # A channel of ones is moved, too: where it is 0, the pixel came from outside.
    padded = torch.cat([images, torch.ones_like(images[:, :1])], dim=1)
    moved = grid_sample(padded, grid.to(images.device), mode, "zeros", align_corners=False)
    pixels, inside = moved[:, :channels], moved[:, channels:]
    colour = _colour(part, images)
    return torch.where(inside < 0.5, colour, pixels) if mode == "nearest" else (pixels - colour) * inside + colour


def perspective(part: Any, images: Tensor) -> Tensor:
    """`RandomPerspective`: each corner moves inwards by whole pixels, by eight draws for a chosen image."""
    height, width = images.shape[2:]
    reach = [int(part.distortion_scale * (side // 2)) + 1 for side in (width, height)]
    words, at = next_words(9 * len(images)), 0
    chances, numbers = as_uniform(words).tolist(), words.tolist()
    chosen: list[int] = []
    corners: list[list[int]] = []
    for image in range(len(images)):
        at += 1
        if chances[at - 1] < part.p:
            chosen.append(image)
            corners.append([numbers[at + n] % reach[n % 2] for n in range(8)])
            at += 8
    skip_words(at)
    if not chosen:
        return images
    images = images.clone()
    images[chosen] = _seen(part, images[chosen], torch.tensor(corners, dtype=torch.float64), reach)
    return images


def _seen(part: Any, images: Tensor, moves: Tensor, reach: list[int]) -> Tensor:
    """The images in perspective; `moves` (n, 8) are the draws for x and y of each corner, clockwise."""
    n, _, height, width = images.shape
    far = [width - reach[0], height - reach[1]]
    starts = torch.tensor([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=torch.float64)
    x, y = (moves.view(n, 4, 2) + (starts > 0) * torch.tensor(far)).unbind(-1)
    one, none = torch.ones_like(x), torch.zeros_like(x)
    u, v = (column.expand(n, 4) for column in starts.T)
    # Two equations for each corner, in torchvision's order; the unknowns are the map's eight coefficients.
    rows_x = torch.stack([x, y, one, none, none, none, -u * x, -u * y], dim=-1)
    rows_y = torch.stack([none, none, none, x, y, one, -v * x, -v * y], dim=-1)
    rows = torch.stack([rows_x, rows_y], dim=2).view(n, 8, 8)
    coefficients = torch.linalg.lstsq(rows, torch.stack([u, v], dim=2).reshape(n, 8, 1), driver="gels").solution[..., 0]
    above, below = coefficients[:, :6].view(n, 2, 3), torch.cat([coefficients[:, 6:], one[:, :1]], dim=1)[:, :, None]
    places = _pixel_places(height, width, 0.5)
    sizes = torch.tensor([0.5 * width, 0.5 * height])
    grid = (places @ (above.float().transpose(1, 2) / sizes)) / (places @ below.float()) - 1
    return _resampled(part, images, grid.view(n, height, width, 2))


def crop(part: Any, images: Tensor) -> Tensor:
    """`RandomCrop`; image by image with `pad_if_needed`."""
    if part.pad_if_needed:
        return torch.stack([part(image) for image in images])
    if part.padding:
        images = _padded(part, images)
    n, _, height, width = images.shape
    rows, columns = (side - size + 1 for side, size in zip((height, width), part.size, strict=True))
    if min(rows, columns) < 1:
        part(images[0])  # raises torchvision's own error
    if rows == columns == 1:
        return images
    free = (rows, columns)
    drawn = [axis for axis in (0, 1) if free[axis] > 1 or not is_v2(part)]  # v2 draws nothing for a side that fits
    starts = torch.zeros(n, 2, dtype=torch.long)
    words = next_words(n * len(drawn)).view(n, len(drawn))
    skip_words(words.numel())
    starts[:, drawn] = words % torch.tensor([free[axis] for axis in drawn])
    windows = images.unfold(2, part.size[0], 1).unfold(3, part.size[1], 1)
    row, column = starts.to(images.device).unbind(1)
    return windows[torch.arange(n, device=images.device), :, row, column]


def is_v2(part: Any) -> bool:
    """Whether a transform is of the second version of torchvision's API."""
    return hasattr(part, "transform")


def _padded(part: Any, images: Tensor) -> Tensor:
    from torchvision.transforms import functional

    sides = part.padding
    if is_v2(part) and len(sides) == 4:  # left, right, top, bottom
        sides = [sides[0], sides[2], sides[1], sides[3]]
    fill = part.fill
    if isinstance(fill, (tuple, list)) and len(set(fill)) == 1:
        fill = fill[0]
    return functional.pad(images, sides, fill, part.padding_mode)  # type: ignore[no-any-return]
