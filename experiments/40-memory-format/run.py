"""What a training step of each convolutional seed program costs in both memory layouts.

Usage: python experiments/40-memory-format/run.py [--rounds 12]
One thread, batches of 64 grey images of 28 x 28; the two layouts take turns. Prints the README's table.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gi.core.compat import allow_torchvision

HERE = Path(__file__).parent
SEEDS = HERE.parents[1] / "corpus" / "seeds"
LAST = "        self.to(memory_format=torch.channels_last)\n"
STEPS = 10


def trainer(text: str, layout: torch.memory_format) -> Callable[[], float]:
    """A function that trains a program for `STEPS` steps, and gives the CPU milliseconds of one."""
    names: dict = {}
    exec(text, names)
    torch.manual_seed(0)
    net = names["Net"]().to(memory_format=layout)
    optimizer, _, loss, _ = names["recipe"](net, 1000)
    images, labels = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))

    def train() -> float:
        start = time.process_time()
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(net(images), labels).backward()
            optimizer.step()
        return 1000 * (time.process_time() - start) / STEPS

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    allow_torchvision()
    torch.set_num_threads(1)
    print("| seed program | contiguous, ms | channels last, ms | ratio | has it |\n| --- | --- | --- | --- | --- |")
    for path in sorted(SEEDS.glob("*.py")):
        text = path.read_text()
        if "nn.Conv2d" not in text:
            continue
        plain = text.replace(LAST, "")
        arms = [trainer(plain, layout) for layout in (torch.contiguous_format, torch.channels_last)]
        for arm in arms:
            arm()  # warm
        rounds = [[arm() for arm in arms] for _ in range(options.rounds)]
        before, after = (statistics.median(column) for column in zip(*rounds, strict=True))
        has = "yes" if LAST in text else ""
        print(f"| `{path.stem}` | {before:.2f} | {after:.2f} | {after / before:.2f} | {has} |", flush=True)


if __name__ == "__main__":
    main()
