"""The five model files of the published comparison, read at pinned commits; none of their code is kept here."""

import sys
from dataclasses import dataclass
from pathlib import Path

from gi.core.types import Task

sys.path.insert(0, str(Path(__file__).parents[1]))

from repositories import tree_of

EXAMPLES = ("https://github.com/pytorch/examples", "77f55b912142e11fcfdf5b530231fb9c52f181e8")
CIFAR = ("https://github.com/kuangliu/pytorch-cifar", "49b7aa97b0c12fe0d4054e670403a16b6b834ddd")
GREY, COLOUR = Task((1, 28, 28), 10), Task((3, 32, 32), 10)


@dataclass(frozen=True)
class ModelFile:
    """One file of a repository at a commit, the entry that builds its network, and the task that it fits."""

    name: str
    repository: tuple[str, str]
    path: str
    entry: str
    task: Task


FIVE = (
    ModelFile("mnist", EXAMPLES, "mnist/main.py", "Net", GREY),
    ModelFile("lenet", CIFAR, "models/lenet.py", "LeNet", COLOUR),
    ModelFile("vgg", CIFAR, "models/vgg.py", "VGG('VGG11')", COLOUR),
    ModelFile("resnet", CIFAR, "models/resnet.py", "ResNet18", COLOUR),
    ModelFile("mobilenetv2", CIFAR, "models/mobilenetv2.py", "MobileNetV2", COLOUR),
)


def text_of(file: ModelFile, repositories: Path | None, scratch: Path) -> str:
    """The file's text, from a clone in the folder `repositories` where there is one, else fetched into `scratch`."""
    return tree_of(*file.repository, repositories, scratch).read(file.path).decode()
