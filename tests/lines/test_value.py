import libcst as cst
import pytest

from gi.lines.value import literal


@pytest.mark.parametrize(
    ("code", "spelled"),
    [
        ("0x10", "16"),
        ("1e-3", "0.001"),
        ("-(2)", "-2"),
        ("'a' 'b'", None),  # joined strings are no default that anybody gives
        ('"a"', "'a'"),
        ("(3)", "3"),
        ("(1, 2,)", "(1, 2)"),
        ("[\n    1,  # why\n    2,\n]", "[1, 2]"),
        ("(1, [True, None])", "(1, [True, None])"),
        ("width", None),
        ("[width]", None),
        ("-width", None),
        ("2 * 3", None),
        ("f(1)", None),
    ],
)
def test_a_literal_is_spelled_as_python_does(code, spelled):
    assert literal(cst.parse_expression(code)) == spelled
