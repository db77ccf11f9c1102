"""Batched forms of the transforms that change pixel values: colours, blur, erased patches.

Every value is rounded as torchvision rounds it for one image after the other, which is how an exported file does it: a
last bit grows into another network within a hundred steps of training. Exempt are the contrast of images whose number
of pixels is no multiple of eight, where torch sums the last ones in another way, and the blur.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from gi.trace.augmentation.draws import as_uniform, next_words, skip_words
from gi.trace.augmentation.moved import is_v2

_ERASING_TRIES = 10  # after which torchvision leaves an image unchanged


def jitter(part: Any, images: Tensor) -> Tensor:
    """`ColorJitter`: brightness, contrast, saturation and hue, in each image's own order."""
    adjustments = _adjustments(is_v2(part))
    limits = (part.brightness, part.contrast, part.saturation, part.hue)
    asked = [kind for kind, limit in enumerate(limits) if limit is not None]
    order, words = _orders(len(images), 3 + len(asked))
    images, order = images.clone(), order.to(images.device)
    strength = torch.ones(len(images), 4, device=images.device)
    for column, kind in enumerate(asked):
        strength[:, kind] = as_uniform(words[:, column], *map(float, limits[kind]))
    for turn in range(4) if len(asked) > 1 else ():
        for kind in asked:
            chosen = (order[:, turn] == kind).nonzero().flatten()
            if len(chosen):
                # Each image has its own order, so the images with the same kind next are adjusted together.
                images[chosen] = adjustments[kind](images[chosen], strength[chosen, kind])
    # One adjustment needs no order, but torchvision draws one: `_orders` has skipped it.
    return adjustments[asked[0]](images, strength[:, asked[0]]) if len(asked) == 1 else images


def _orders(n: int, drawn: int) -> tuple[Tensor, Tensor]:
    """(n, 4): for each image a permutation of four, as `randperm(4)` draws it; (n, drawn - 3): its other words."""
    words = next_words(n * drawn).view(n, drawn)
    skip_words(n * drawn)
    order = torch.arange(4).repeat(n, 1)
    for at in range(3):  # Fisher and Yates
        other = words[:, at : at + 1] % (4 - at) + at
        taken = order.gather(1, other)
        order.scatter_(1, other, order[:, at : at + 1].clone())
        order[:, at : at + 1] = taken
    return order, words[:, 3:]


def _blended(images: Tensor, others: Tensor, share: Tensor, *, v2: bool) -> Tensor:
    share = share.view(-1, 1, 1, 1)
    scaled, rest = images * share, (1.0 - share.double()).float()
    # torchvision's second version adds with a factor, which rounds once: exact in double precision.
    mixed = (scaled.double() + others.double() * rest.double()).float() if v2 else scaled + others * rest
    return mixed.clamp(0, 1)


# The weights of ITU-R BT.601, as torchvision has them.
def _grey(images: Tensor, *, v2: bool) -> Tensor:
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    if v2:
        return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def _hue(images: Tensor, shifts: Tensor, *, v2: bool) -> Tensor:
    # `adjust_hue` takes one shift for all of a batch, and nothing public turns colours into hues.
    if images.shape[1] == 1:
        return images
    if v2:
        from torchvision.transforms.v2.functional._color import _hsv_to_rgb as colours
        from torchvision.transforms.v2.functional._color import _rgb_to_hsv as hues
    else:
        from torchvision.transforms._functional_tensor import _hsv2rgb as colours
        from torchvision.transforms._functional_tensor import _rgb2hsv as hues

    hue, saturation, value = hues(images).unbind(1)
    return colours(torch.stack([(hue + shifts.view(-1, 1, 1)) % 1.0, saturation, value], dim=1))  # type: ignore[no-any-return]


@lru_cache(maxsize=2)
def _adjustments(v2: bool) -> tuple[Callable[[Tensor, Tensor], Tensor], ...]:
    """Brightness, contrast, saturation and hue, by torchvision's first or second version."""

    def contrast(images: Tensor, share: Tensor) -> Tensor:
        return _blended(images, _grey(images, v2=v2).mean((1, 2, 3), keepdim=True), share, v2=v2)

    def saturation(images: Tensor, share: Tensor) -> Tensor:
        return _blended(images, _grey(images, v2=v2), share, v2=v2) if images.shape[1] == 3 else images

    def hue(images: Tensor, shifts: Tensor) -> Tensor:
        return _hue(images, shifts, v2=v2)

    return (lambda images, share: (images * share.view(-1, 1, 1, 1)).clamp(0, 1), contrast, saturation, hue)


def blur(part: Any, images: Tensor) -> Tensor:
    """`GaussianBlur`: each image has its own kernel, and all are convolved at once as groups."""
    n, channels = images.shape[:2]
    if not images.is_floating_point() or images.device.type != "cpu":
        return torch.stack([part(image) for image in images])
    sigmas = torch.empty(n).uniform_(*map(float, part.sigma))
    width, height = part.kernel_size
    kernels = (_bell(height, sigmas)[:, :, None] * _bell(width, sigmas)[:, None, :]).repeat_interleave(channels, dim=0)
    padded = pad(images, [width // 2, width // 2, height // 2, height // 2], mode="reflect")
    flat = padded.view(1, n * channels, *padded.shape[2:])
    return conv2d(flat, kernels[:, None], groups=n * channels).view_as(images)


def _bell(size: int, sigmas: Tensor) -> Tensor:
    """(n, size): one-dimensional kernels."""
    half = (size - 1) * 0.5
    return torch.softmax(-0.5 * (torch.linspace(-half, half, size) / sigmas[:, None]).pow(2), dim=1)


def erasing(part: Any, images: Tensor) -> Tensor:
    """`RandomErasing`: up to ten draws of a patch's area and aspect ratio, then one of its position."""
    if isinstance(part.value, str) or part.value is None:
        return _erased_with_noise(part, images)
    n, channels, height, width = images.shape
    value = part.value if isinstance(part.value, (list, tuple)) else [part.value]
    if len(value) not in (1, channels):
        part(images[0])  # raises torchvision's own error
    patches = torch.tensor(_patches(part, n, height, width)).to(images.device)
    top, left, rows, columns = patches.T[:, :, None, None, None]
    y, x = (torch.arange(size, device=images.device) for size in (height, width))
    inside = ((y[:, None] >= top) & (y[:, None] < top + rows)) & ((x >= left) & (x < left + columns))
    return torch.where(inside, torch.tensor(value, dtype=images.dtype, device=images.device)[:, None, None], images)


def _patches(part: Any, n: int, height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, left, height and width of each image's patch; all 0 where there is none."""
    # The most words that may be needed; the number used is known only afterwards.
    words = next_words(n * (3 + 2 * _ERASING_TRIES))
    low, high = torch.log(torch.tensor(part.ratio)).tolist()
    chances, areas = as_uniform(words).tolist(), as_uniform(words, *map(float, part.scale)).tolist()
    ratios, numbers = as_uniform(words, low, high).exp().tolist(), words.tolist()
    patches, at = [], 0
    for _ in range(n):
        patch, at = (0, 0, 0, 0), at + 1
        for _ in range(_ERASING_TRIES if chances[at - 1] < part.p else 0):
            area, ratio = height * width * areas[at], ratios[at + 1]
            rows, columns = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            at += 2
            if rows < height and columns < width:
                patch = numbers[at] % (height - rows + 1), numbers[at + 1] % (width - columns + 1), rows, columns
                at += 2
                break
        patches.append(patch)
    skip_words(at)
    return patches


def _erased_with_noise(part: Any, images: Tensor) -> Tensor:
    """Erases image by image: the noise is drawn between the patch's size and its position."""
    images = images.clone()
    for image in images:
        if torch.rand(1) < part.p:
            if is_v2(part):
                drawn = part.make_params([image])
                top, left, height, width, pixels = (drawn[key] for key in "ijhwv")
            else:
                top, left, height, width, pixels = part.get_params(image, part.scale, part.ratio, None)
            if pixels is not None:
                image[:, top : top + height, left : left + width] = pixels
    return images
