"""The programs that pairs are made of: the project's seed programs, models of torchvision, and two written here."""

import re
from importlib.util import find_spec
from pathlib import Path

SEEDS = Path(__file__).parents[2] / "corpus" / "seeds"

HEAD = """import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.transforms import v2


"""
RECIPE = """

def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    augmentation = v2.RandomErasing(p=0.1)
    return optimizer, scheduler, loss, augmentation
"""
RESIDUAL = (
    HEAD
    + """class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride)
        self.act = nn.ReLU()

    def forward(self, x):
        y = self.act(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.act(y + self.shortcut(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.first = Block(8, 16, 2)
        self.second = Block(16, 32, 2)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = self.second(self.first(x))
        x = F.avg_pool2d(x, 7)
        x = torch.flatten(x, 1)
        return self.head(self.drop(x))
"""
    + RECIPE
)
BRANCHES = (
    HEAD
    + """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(1, 8, 3, padding=1)
        self.right = nn.Conv2d(1, 8, 5, padding=2)
        self.gate = nn.Conv2d(1, 8, 3, padding=1)
        self.act = nn.LeakyReLU(0.1)
        self.pool = nn.MaxPool2d(4)
        self.hidden = nn.Linear(392, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        a = self.act(self.left(x))
        b = F.gelu(self.right(x))
        c = torch.sigmoid(self.gate(x))
        x = self.pool(a * c + b)
        x = x.view(x.size(0), -1)
        x = F.dropout(F.elu(self.hidden(x)), 0.3, self.training)
        return self.head(x)
"""
    + RECIPE
)


def programs() -> dict[str, tuple[str, str, tuple[int, int, int]]]:
    """Name -> text, entry and input shape."""
    found = {path.stem: (path.read_text(), "Net", (1, 28, 28)) for path in sorted(SEEDS.glob("*.py"))[::3]}
    found |= {"residual": (RESIDUAL, "Net", (1, 28, 28)), "branches": (BRANCHES, "Net", (1, 28, 28))}
    for file, entry, size in [
        ("resnet", "resnet18(num_classes=10)", 32),
        ("mobilenetv2", "mobilenet_v2(num_classes=10)", 32),
        ("shufflenetv2", "shufflenet_v2_x0_5(num_classes=10)", 32),
    ]:
        found[file] = (_torchvisions(file), entry, (3, size, size))
    return found


def _torchvisions(name: str) -> str:
    """A model file of the installed torchvision that stands alone: absolute imports, registered nowhere."""
    package = Path(find_spec("torchvision").origin).parent
    text = (package / "models" / f"{name}.py").read_text()
    text = re.sub(r"^@(register_model|handle_legacy_interface)\(.*?\)\n(?=@|def )", "", text, flags=re.M | re.S)
    text = re.sub(r"^from \.\.(\w)", r"from torchvision.\1", text, flags=re.M)
    text = re.sub(r"^from \.(\w)", r"from torchvision.models.\1", text, flags=re.M)
    return f"{text}\n\nfrom torchvision.transforms import v2\n{RECIPE}"
