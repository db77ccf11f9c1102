"""One small program, and its pieces, that tests of tracing and training share."""

HEAD = "import torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(64, 10)

    def forward(self, x):
        return self.dense(x.flatten(1))
"""
RECIPE = """
def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    return optimizer, None, nn.CrossEntropyLoss(), None
"""
PROGRAM = HEAD + NET + RECIPE
