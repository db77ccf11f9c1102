"""The batched form of each transform gives what one image after the other gives, with the same random numbers."""

import random

import pytest
import torch

from gi.core.compat import allow_torchvision
from gi.trace.augmentation.batched import batched_forms
from gi.trace.augmentation.per_image import augmenter

allow_torchvision()

from torchvision import transforms as v1  # noqa: E402 (its torchvision must be allowed first)
from torchvision.transforms import v2  # noqa: E402 (likewise)

BILINEAR, NEAREST = v1.InterpolationMode.BILINEAR, v1.InterpolationMode.NEAREST
MAKERS = {
    "horizontal flip": lambda m: m.RandomHorizontalFlip(),
    "vertical flip": lambda m: m.RandomVerticalFlip(0.3),
    "crop": lambda m: m.RandomCrop(16, padding=4),
    "crop of two paddings": lambda m: m.RandomCrop(16, padding=(1, 2)),
    "crop of four paddings": lambda m: m.RandomCrop((16, 16), padding=[1, 0, 2, 0]),
    "crop along one side": lambda m: m.RandomCrop((16, 16), padding=[2, 0, 1, 0], fill=1),
    "crop of a mirror": lambda m: m.RandomCrop(16, padding=3, padding_mode="reflect"),
    "crop padded if needed": lambda m: m.RandomCrop(16, pad_if_needed=True),
    "rotation": lambda m: m.RandomRotation(15),
    "smooth rotation": lambda m: m.RandomRotation((10, 50), interpolation=BILINEAR, fill=0.5),
    "rotation about a point": lambda m: m.RandomRotation(30, center=(3, 4)),
    "affine": lambda m: m.RandomAffine(10, (0.1, 0.2), (0.8, 1.2), 10, BILINEAR),
    "affine of two shears": lambda m: m.RandomAffine(0, shear=(-5, 5, -9, 9), fill=1.0, center=(1, 2)),
    "affine scale": lambda m: m.RandomAffine((0, 0), scale=(0.5, 2)),
    "erasing": lambda m: m.RandomErasing(0.5),
    "erasing with noise": lambda m: m.RandomErasing(0.9, value="random"),
    "erasing with a colour": lambda m: m.RandomErasing(1.0, value=(0.1, 0.2, 0.3)),
    "colours": lambda m: m.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "brightness": lambda m: m.ColorJitter(brightness=(0.2, 3)),
    "grey": lambda m: m.RandomGrayscale(0.3),
    "negative": lambda m: m.RandomInvert(),
    "contrast": lambda m: m.RandomAutocontrast(),
    "sharpness": lambda m: m.RandomAdjustSharpness(2),
    "blur": lambda m: m.GaussianBlur(3),
    "blur of two sides": lambda m: m.GaussianBlur((5, 3), sigma=(0.5, 1.5)),
    "perspective": lambda m: m.RandomPerspective(),
    "perspective with a colour": lambda m: m.RandomPerspective(0.8, p=0.9, fill=0.5),
    "nearest perspective": lambda m: m.RandomPerspective(0.3, interpolation=NEAREST),
    "hue": lambda m: m.ColorJitter(hue=0.2),
    "contrast and colour": lambda m: m.ColorJitter(contrast=0.5, saturation=0.5),
    "erasing of large patches": lambda m: m.RandomErasing(0.9, scale=(0.5, 1.0), ratio=(0.2, 5)),
    "shift": lambda m: m.RandomAffine(0, (0.2, 0.1)),
    "shift along one side": lambda m: m.RandomAffine(0, (0.0, 0.3), fill=0.5),
    "shift of a colour": lambda m: m.RandomAffine((0, 0), (0.9, 1.0), fill=[0.1, 0.2, 0.3], center=(1, 2)),
    "smooth shift": lambda m: m.RandomAffine(0, (0.2, 0.1), interpolation=BILINEAR),
    "affine of a colour": lambda m: m.RandomAffine(20, (0.2, 0.1), fill=[0.1, 0.2, 0.3]),
    "bytes": lambda m: m.RandomRotation(30, fill=200),
}

# Interpolation on a turned grid and convolutions, which torch sums in another order for one image.
ROUNDED = {"smooth rotation", "affine", "blur", "blur of two sides", "perspective with a colour"}


@pytest.mark.parametrize("module", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("name", MAKERS)
def test_equals_one_image_after_the_other(module, name):
    """To the last bit, of which a hundred steps of training make another network."""
    make = MAKERS[name]
    images = torch.randint(0, 256, (24, 3, 16, 16)) / 255
    results = []
    for forms in ({}, batched_forms()):
        augment = augmenter(make(module), (3, 16, 16), forms)
        torch.manual_seed(4)
        random.seed(4)
        results.append((augment(images.clone()), torch.rand(1)))
    (plain, after), (batched, after_batched) = results
    assert torch.allclose(plain, batched, atol=1e-5)
    assert name in ROUNDED or torch.equal(plain, batched), (plain - batched).abs().max()
    assert torch.equal(after, after_batched), "both drew as often"


def test_a_single_channel_has_no_colours():
    jitter = v2.ColorJitter(0, 0, 0.9, 0.4)
    images = torch.rand(5, 1, 16, 16)
    assert torch.equal(augmenter(jitter, (1, 16, 16), batched_forms())(images), images)
