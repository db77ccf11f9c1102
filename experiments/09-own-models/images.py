"""10,000 images of CIFAR-10 as a folder."""

import os
import tarfile
from pathlib import Path

from gi.core.streams import stream

PER_CLASS = 1_000  # of CIFAR-10's 50,000 training images


def cifar_folder(folder: Path) -> Path:
    """10,000 training images of CIFAR-10 as train/CLASS/*.png, drawn with seed 0 from $GI_DATA."""
    if not folder.exists():
        images = images_by_class(Path(os.environ["GI_DATA"]))
        for name, found in sorted(images.items()):
            (folder / "train" / name).mkdir(parents=True)
            for number in sorted(stream(0, "cifar", name).sample(range(len(found)), PER_CLASS)):
                found[number].save(folder / "train" / name / f"{number:05}.png")
    return folder


def images_by_class(root: Path) -> dict:
    """The training images by class, from cifar10-jpeg.tar.gz (train/CLASS/*.jpg) or from torchvision's files."""
    from PIL import Image

    found: dict = {}
    if (root / "cifar10-jpeg.tar.gz").exists():
        with tarfile.open(root / "cifar10-jpeg.tar.gz") as tar:
            for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
                part, name, _ = member.name.split("/")[-3:]
                if part == "train":
                    image = Image.open(tar.extractfile(member))
                    found.setdefault(name, []).append(image.convert("RGB"))
    else:
        from torchvision.datasets import CIFAR10

        data = CIFAR10(root, train=True)
        for image, label in data:
            found.setdefault(data.classes[label], []).append(image)
    return found
