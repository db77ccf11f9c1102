"""The training part as gi had it: less the images that it set apart to compare networks by."""

import hashlib
import random as python_random

import torch


def without_validation(images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images and labels that evolution trained on, of all (n, c, h, w) and (n,) of the training files.

    It set a fifth apart, at most 5,000, each class in proportion, drawn by fixed seeds.
    """
    count = min(5_000, len(labels) // 5)
    sizes = torch.bincount(labels).tolist()
    exact = [size * (count / len(labels)) for size in sizes]
    quota = [max(int(share), 1) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda label: (-(exact[label] % 1), label))
    for label in by_remainder[: max(0, count - sum(quota))]:
        quota[label] += 1
    kept = torch.ones(len(labels), dtype=torch.bool)
    for label, size in enumerate(quota):
        members = (labels == label).nonzero().flatten().tolist()
        key = hashlib.sha256(f"0/split/validation/{label}".encode()).digest()
        python_random.Random(int.from_bytes(key[:8], "big")).shuffle(members)
        kept[members[:size]] = False
    return images[kept], labels[kept]
