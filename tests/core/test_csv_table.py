import csv
import io

import pytest

from gi.core.csv_table import csv_text


def read(rows):
    return list(csv.DictReader(io.StringIO(csv_text(rows))))


def test_a_heading_has_every_key_in_the_order_in_which_it_comes():
    assert csv_text([{"b": 1, "a": None}, {"a": 2.5, "c": True}]) == "b,a,c\n1,,\n,2.5,true\n"


def test_no_rows_are_no_lines():
    assert csv_text([]) == ""


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        ({"path": "m.py", "at": {"line": 3}}, {"x.path": "m.py", "x.at.line": "3"}),
        (["a1", "b2"], {"x": "a1 b2"}),
        ([{"path": "m.py"}], {"x": '[{"path": "m.py"}]'}),
        ([], {"x": ""}),
        (-0.25, {"x": "-0.25"}),
        ('say "no",\nthen', {"x": 'say "no",\nthen'}),
    ],
)
def test_a_value_becomes_the_cells_that_a_reader_expects(value, cells):
    assert read([{"x": value}]) == [cells]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-nn.ReLU()", "@SUM(A1)", "\t=1"])
def test_a_spreadsheet_computes_no_foreign_text(text):
    assert read([{"x": text, "y": [text]}]) == [{"x": f"'{text}", "y": f"'{text}"}]


@pytest.mark.parametrize("sign", ["-", "+", "="])
def test_a_sign_alone_stays_a_sign(sign):
    assert read([{"x": sign}]) == [{"x": sign}]


def test_a_terminal_obeys_no_cell():
    assert csv_text([{"\x1b[2J": "\x1b]0;\x07"}]) == "\\x1b[2J\n\\x1b]0;\\x07\n"
