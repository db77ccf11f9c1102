"""The five model files of the published comparison, read at pinned commits; none of their code is kept here."""

from dataclasses import dataclass
from pathlib import Path

from gi.core.types import Task
from gi.harvest.git import local_tree, remote_tree
from gi.harvest.tree import Tree

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


def tree_of(url: str, commit: str, repositories: Path | None, scratch: Path) -> Tree:
    """A repository's files at a commit. A clone's folder is NAME, OWNER/NAME or OWNER+NAME, bare or in `repo`."""
    owner, name = url.split("/")[-2:]
    for folder in (f"{owner}+{name}/repo", f"{owner}+{name}", f"{owner}/{name}", name):
        if repositories and (repositories / folder).exists():
            return local_tree(repositories / folder, commit)
    return remote_tree(url, commit, scratch)
