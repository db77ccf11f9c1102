"""What fits where: a single layer, and the form in which the values of a sample lie."""

import pytest

from gi.core.types import Ingredient, LineType, Origin
from gi.vary.genes import Form
from gi.vary.hosts.host import fits

IMAGE, FEATURES, TOKENS = Form((8, 4, 4)), Form((8,)), Form((16, 8), 1)
SEQUENCE, LAST, MAPS = Form((8, 16)), Form((4, 4, 8), 2), Form((2, 16, 16), -1)
FORMS = {"image": IMAGE, "features": FEATURES, "tokens": TOKENS, "sequence": SEQUENCE, "last": LAST, "maps": MAPS}


def layer(line_type, name):
    return Ingredient(line_type, f"torch.nn.{name}", "", f"torch.nn.{name}(8)", (), Origin("", "", "", 1, ""))


@pytest.mark.parametrize(
    ("line_type", "name", "where"),
    [
        (LineType.CONNECTION, "Conv2d", "image"),
        (LineType.CONNECTION, "Conv1d", "sequence"),
        (LineType.CONNECTION, "Linear", "features tokens last"),
        (LineType.NORMALIZATION, "LayerNorm", "image features tokens last"),
        (LineType.NORMALIZATION, "GroupNorm", "image features"),
        (LineType.NORMALIZATION, "BatchNorm1d", "features"),
        (LineType.NORMALIZATION, "BatchNorm2d", "image"),
        (LineType.POOLING, "MaxPool2d", "image"),
        (LineType.POOLING, "AvgPool1d", ""),
        (LineType.REGULARIZATION, "Dropout", "image features tokens sequence last maps"),
        (LineType.REGULARIZATION, "Dropout2d", "image"),
        (LineType.ACTIVATION, "GELU", "image features tokens sequence last maps"),
        (LineType.ACTIVATION, "PReLU", "image features"),
    ],
)
def test_a_layer_fits_the_forms_whose_axis_it_takes(line_type, name, where):
    assert [n for n, form in FORMS.items() if fits(layer(line_type, name), form)] == where.split()


def test_a_form_knows_its_kind_its_channels_and_its_size():
    kinds = {name: form.kind for name, form in FORMS.items()}
    assert kinds == {n: n for n in ("image", "features", "tokens", "sequence")} | {"last": "tokens", "maps": "unknown"}
    assert [form.channels for form in FORMS.values()] == [8, 8, 8, 8, 8, 1]
    assert [form.size for form in FORMS.values()] == [(4, 4), (), (), (), (), ()]
    assert (Form(()).kind, Form(()).channels) == ("unknown", 1)
