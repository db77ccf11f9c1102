"""Transformers, mixers and weights of one's own: which text makes them fit other images, classes and widths."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.core.types import Task
from gi.source.repair.repair import repaired
from tests.checking import HEAD, RECIPE

COLOUR = Task((3, 32, 32), 10)
VIT = f"""{HEAD}class ViT(nn.Module):
    def __init__(self, image_size=224, patch=16, dim=32, classes=1000):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.zeros(1, (image_size // patch) ** 2 + 1, dim))
        self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 2, 64, batch_first=True), 1)
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.size(0), -1, -1), x), 1) + self.pos
        return self.head(self.body(x)[:, 0])


class Net(ViT):
    pass
{RECIPE}"""
MIXER = f"""{HEAD}class Mix(nn.Module):
    def __init__(self, tokens, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(tokens, 24), nn.Linear(24, tokens)

    def forward(self, x):
        return x + self.fc2(F.gelu(self.fc1(self.norm(x).transpose(1, 2)))).transpose(1, 2)


class Net(nn.Module):
    def __init__(self, tokens=16, dim=12):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 4, 4)
        self.mix1, self.mix2 = Mix(tokens, dim), Mix(tokens, dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        return self.head(self.mix2(self.mix1(x)).mean(1))
{RECIPE}"""
RAW = f"""{HEAD}class Net(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.conv = nn.Parameter(torch.randn(8, 3, 3, 3) / 5)
        self.scale = nn.Parameter(torch.ones(8))
        self.shift = nn.Parameter(torch.zeros(8))
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("var", torch.ones(8))
        self.w1 = nn.Parameter(torch.randn(8, hidden))
        self.w2 = nn.Parameter(torch.randn((10, hidden)) / 4)
        self.b2 = nn.Parameter(torch.zeros(10))

    def forward(self, x):
        x = F.conv2d(x, self.conv, padding=1)
        x = F.batch_norm(x, self.mean, self.var, self.scale, self.shift, training=self.training)
        x = F.relu(x).mean((2, 3)) @ self.w1
        return F.linear(x, self.w2, self.b2)
{RECIPE}"""


def changes(text, task, check):
    result = repaired(text, task, check)
    assert isinstance(result.answer, Trace), result.answer
    before, after = text.splitlines(), result.text.splitlines()
    assert len(before) == len(after), result.text
    return [b.strip() for a, b in zip(before, after, strict=True) if a != b]


@pytest.mark.parametrize("spelled", ["image_size", "img_size", "input_resolution", "size"])
def test_positions_get_the_image_size_by_its_name(spelled, check):
    made = changes(VIT.replace("image_size", spelled), COLOUR, check)
    assert made == [f"def __init__(self, {spelled}=32, patch=16, dim=32, classes=10):"]


def test_an_image_size_in_a_tuple_stays_one(check):
    text = VIT.replace("image_size=224", "image_size=(224, 224)").replace(
        "(image_size // patch)", "(image_size[0] // patch)"
    )
    assert changes(text, COLOUR, check)[0].startswith("def __init__(self, image_size=(32, 32), patch=16")


def test_a_size_that_a_program_insists_on_is_the_tasks(check):
    text = VIT.replace("        x = self.embed", "        assert x.shape[2] == self.side\n        x = self.embed")
    text = text.replace(
        "        super().__init__()\n        self.embed",
        "        super().__init__()\n        self.side = image_size\n        self.embed",
    )
    assert changes(text, COLOUR, check)[0].startswith("def __init__(self, image_size=32, patch=16")


def test_positions_of_a_size_without_a_name_are_mended_where_they_are_made(check):
    text = VIT.replace("image_size=224, ", "").replace("(image_size // patch) ** 2 + 1", "197")
    assert "self.pos = nn.Parameter(torch.zeros(1, 5, dim))" in changes(text, COLOUR, check)


def test_a_mixer_gets_its_number_of_tokens(check):
    assert changes(MIXER, COLOUR, check) == ["def __init__(self, tokens=64, dim=12):"]


@pytest.mark.parametrize(
    ("was", "becomes", "mended"),
    [
        ("randn(8, 3, 3, 3)", "randn(12, 3, 3, 3)", {"torch.ones(12)", "torch.zeros(12)", "torch.randn(12, hidden)"}),
        ("torch.randn(8, hidden)", "torch.randn(8, 24)", {"hidden=24"}),
        ("@ self.w1", "@ self.w1.flip(0)", set()),
    ],
)  # fmt: skip
def test_weights_of_ones_own_fit_their_data(was, becomes, mended, check):
    made = " ".join(changes(RAW.replace(was, becomes), COLOUR, check))
    assert all(text in made for text in mended)
    assert bool(made) == bool(mended)


def test_what_attention_needs_is_given_by_the_layer_in_front(check):
    text = VIT.replace("image_size=224", "image_size=32").replace("classes=1000", "classes=10")
    made = changes(text.replace("nn.Conv2d(3, dim, patch", "nn.Conv2d(3, 24, patch"), COLOUR, check)
    assert "self.embed = nn.Conv2d(3, 32, patch, patch)" in made


def test_an_image_that_no_patch_divides_is_refused(check):
    text = VIT.replace("self.embed(x)", "self.embed(x.reshape(x.size(0), 3, 2, 7, 2, 7).flatten(3))")
    answer = repaired(text, COLOUR, check).answer
    assert isinstance(answer, Stopped)
    assert "invalid for input of size" in answer.detail


def test_a_view_of_what_does_not_lie_in_order_becomes_a_reshape(check):
    text = MIXER.replace("tokens=16", "tokens=64").replace(".mean(1))", ".view(x.size(0), -1))")
    text = text.replace("nn.Linear(dim, 10)", "nn.Linear(dim * 64, 10)")
    (made,) = changes(text, COLOUR, check)
    assert made == "return self.head(self.mix2(self.mix1(x)).reshape(x.size(0), -1))"


def test_a_branch_gives_way_to_the_tokens_that_it_is_added_to(check):
    text = MIXER.replace("tokens=16", "tokens=64").replace("x + self.fc2(", "self.scale * x + self.fc2(")
    text = text.replace("        self.fc1, ", "        self.scale = nn.Parameter(torch.ones(12))\n        self.fc1, ")
    made = changes(text.replace("nn.Linear(24, tokens)", "nn.Linear(24, 40)"), COLOUR, check)
    assert made == ["self.fc1, self.fc2 = nn.Linear(tokens, 24), nn.Linear(24, 64)"]
