"""What an augmentation sees and does: pixels from 0 to 1, an own draw for each image, its shape kept, or a reason."""

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from gi.core.compat import allow_torchvision
from gi.trace.augmentation.batched import batched_forms
from gi.trace.augmentation.per_image import augmenter

allow_torchvision()

from torchvision import transforms as v1  # noqa: E402 (its torchvision must be allowed first)
from torchvision.transforms import v2  # noqa: E402 (likewise)

SHAPE = (3, 12, 12)


def batch(n=8):
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))


def equal_images(n=8):
    return batch(1).expand(n, *SHAPE).clone()


def augmented(augmentation, images, seed=0):
    """What both forms give, which must be the same."""
    results = []
    for forms in ({}, batched_forms()):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        results.append(augmenter(augmentation, tuple(images.shape[1:]), forms)(images.clone()))
    assert torch.allclose(*results, atol=1e-5)
    return results[1]


class Turned(nn.Module):
    """A module of a program's own that draws once for what it is given."""

    def forward(self, x):
        return v2.functional.rotate(x, float(torch.rand(()) * 90))


OWN_DRAWS = {
    "v1 rotation": v1.RandomRotation(40),
    "v2 rotation": v2.RandomRotation(40),
    "affine": v2.RandomAffine(40, translate=(0.2, 0.2), scale=(0.5, 2), shear=20),
    "flip": v1.RandomHorizontalFlip(),
    "crop": v2.RandomCrop(12, padding=4),
    "erasing": v1.RandomErasing(p=0.8),
    "colours": v2.ColorJitter(0.5, 0.5, 0.5, 0.2),
    "perspective": v2.RandomPerspective(p=1),
    "resized crop": v1.RandomResizedCrop(12, antialias=True),
    "policy": v1.RandAugment(magnitude=15),
    "one of": v1.RandomChoice([v1.RandomRotation(40), v1.ColorJitter(0.5)]),
    "a list": v1.Compose([v1.RandomHorizontalFlip(), v1.RandomRotation(40)]),
    "modules": nn.Sequential(v2.RandomVerticalFlip(), v2.RandomRotation(40)),
    "sometimes": v2.RandomApply([v2.RandomRotation(40)], p=0.7),
    "own lambda": lambda x: v2.functional.rotate(x, random.uniform(-40, 40)),
    "own module": Turned(),
    "own coin": lambda x: x.flip(-1) if torch.rand(1) < 0.5 else x,
    "numpy's coin": lambda x: x.flip(-1) if np.random.rand() < 0.5 else x,
    "in a list": v2.Compose([lambda x: x * random.random(), v2.RandomHorizontalFlip()]),
    "of one image": lambda image: image.roll(int(torch.randint(12, ())), 2),
    "of a batch": lambda x: x * torch.rand(len(x), 1, 1, 1),
}


@pytest.mark.parametrize("augmentation", OWN_DRAWS.values(), ids=OWN_DRAWS)
def test_every_image_has_its_own_draw(augmentation):
    result = augmented(augmentation, equal_images())
    assert len({tuple(image.flatten().tolist()) for image in result}) > 1
    assert result.shape == (8, *SHAPE)


def test_a_function_that_draws_image_by_image_is_called_with_the_batch():
    sizes = []

    def flipped(x):
        sizes.append(len(x))
        return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)

    augmented(flipped, equal_images(64))
    assert sizes[-1] == 64


def test_a_function_that_mixes_the_images_is_called_with_the_batch():
    mixed = augmented(lambda x: x.lerp(x.flip(0), float(torch.rand(()))), batch())
    assert torch.allclose(mixed.mean(0), batch().mean(0), atol=1e-5)
    assert not torch.allclose(mixed, batch())


@pytest.mark.parametrize("module", [v1, v2])
def test_jitter_of_nothing_and_turns_of_nothing_leave_every_value(module):
    for nothing in (module.ColorJitter(0, 0, 0), module.RandomRotation(0), module.RandomAffine(0), nn.Identity()):
        assert torch.equal(augmented(nothing, batch()), batch())


@pytest.mark.parametrize("module", [v1, v2])
def test_corners_that_a_rotation_leaves_are_black(module):
    result = augmented(module.RandomRotation((45, 45)), torch.ones(2, *SHAPE))
    assert float(result[:, :, 0, 0].abs().max()) == 0.0
    assert float(result[:, :, 6, 6].min()) == 1.0


@pytest.mark.parametrize("module", [v1, v2])
@pytest.mark.parametrize("fill", [255, (255, 255, 255), 1.0])
def test_a_fill_of_bytes_and_one_of_floats_are_both_white(module, fill):
    assert torch.equal(
        augmented(module.RandomRotation((45, 45), fill=fill), torch.ones(2, *SHAPE)), torch.ones(2, *SHAPE)
    )
    one = fill if isinstance(fill, float) else 255  # v1 pads tensors with one number alone
    crop = augmented(module.RandomCrop(12, padding=4, fill=one), torch.ones(2, *SHAPE))
    assert torch.allclose(crop, torch.ones(2, *SHAPE))


def test_what_wants_bytes_gets_them():
    images = batch()
    assert torch.allclose(augmented(v1.RandomPosterize(8, p=1), images), images, atol=0.51 / 255)
    assert torch.allclose(
        augmented(v1.RandomSolarize(128, p=1), images), augmented(v2.RandomSolarize(128, p=1), images)
    )
    coarse = augmented(lambda x: v1.functional.posterize(x, 1), images)
    assert coarse.unique().tolist() == pytest.approx([0.0, 128 / 255])


def test_what_only_forms_or_normalises_is_passed_over():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # v2.ToTensor is deprecated
        steps = [v1.ToTensor(), v2.ToTensor(), v1.PILToTensor(), v2.ToImage(), v1.ConvertImageDtype(torch.float32)]
    steps += [v2.ToDtype(torch.float32, scale=True), v1.Normalize([0.5] * 3, [0.5] * 3), v2.Normalize([0.5], [0.5])]
    assert torch.equal(augmented(v1.Compose(steps), batch()), batch())
    assert torch.equal(augmented(v1.ToTensor(), batch()), batch())


def test_a_pipeline_may_change_the_size_on_its_way():
    grown = v1.Compose([v1.Resize(16, antialias=True), v1.RandomCrop(12), lambda x: x.clamp(0, 0.5)])
    assert float(augmented(grown, batch()).max()) <= 0.5
    assert augmented(v2.Compose([v2.Pad(2), v2.CenterCrop(12)]), batch()).equal(batch())


REFUSED = {
    "another size": (v1.Resize(16, antialias=True), r"gives images of \(3, 16, 16\).*for images of \(3, 12, 12\)"),
    "fewer": (lambda x: x[:3], "gives no batch of as many images"),
    "grey": (v2.Grayscale(), r"gives images of \(1, 12, 12\)"),
    "five of each": (v1.FiveCrop(8), "FiveCrop gives no images of one size"),
    "labels": (v2.MixUp(num_classes=10), "MixUp mixes labels too"),
    "labels in a list": (v2.Compose([v2.CutMix(num_classes=10)]), "CutMix mixes labels too"),
    "no tensor": (lambda x: 3, "gives no batch of as many images"),
    "too small": (v2.RandomCrop(20), "larger than"),
}  # fmt: skip


@pytest.mark.parametrize(("augmentation", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("forms", [dict, batched_forms], ids=["plain", "batched"])
def test_refuses_what_gives_no_batch_of_the_same_images(augmentation, reason, forms):
    with pytest.raises(ValueError, match=reason):
        augmenter(augmentation, SHAPE, forms())


def test_what_the_function_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        augmenter(lambda x: 1 / 0, SHAPE)


def test_trials_leave_every_generator_as_it_was():
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    expected = torch.rand(3), random.random(), np.random.rand()
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    augmenter(v2.Compose([v2.RandomRotation(9), lambda x: x * random.random() * np.random.rand()]), SHAPE)
    assert (torch.equal(torch.rand(3), expected[0]), random.random(), np.random.rand()) == (True, *expected[1:])
