"""A printed text is run as its user would, with plain torch and its own defaults."""

from gi.trace.as_user import handle
from tests.checking import program

TEXT = program("self.fc = nn.Linear(64, 10)", "return self.fc(x.flatten(1))")


def test_a_text_that_works_says_nothing_and_a_broken_one_says_why():
    assert handle(TEXT, ["Net", "Net()"], [1, 8, 8]) == ["", ""]
    (said,) = handle(TEXT, ["Net"], [3, 8, 8])
    assert "mat1 and mat2" in said
    (said,) = handle(TEXT.replace("nn.Linear", "nn.Missing"), ["Net"], [1, 8, 8])
    assert "Missing" in said
