"""Plain JSON values as a table in CSV: what a spreadsheet, pandas or R reads in one call."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from gi.core.quoting import csv_cell, json_text


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows under a heading of all their keys, in the order in which these first come; "" for no rows.

    A mapping within a row is columns of its own (`origin.path`), a list of plain values one cell with blanks between
    them, any other list its JSON; true and false are as in JSON, null is an empty cell.
    """
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    # Line ends of the system that reads it most often, not the two characters of RFC 4180: `cut` and `awk` see them.
    writer = csv.writer(text, lineterminator="\n")
    if names:
        writer.writerow(map(csv_cell, names))
    writer.writerows([row.get(name, "") for name in names] for row in flat)
    return text.getvalue()


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            cells |= _flat(value, f"{path}{name}.")
        else:
            cells[f"{path}{name}"] = _cell(value)
    return cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)  # a negative number is a number, not a formula
    if isinstance(value, list | tuple):
        plain = all(isinstance(each, str | int | float) for each in value)
        return csv_cell(" ".join(map(str, value)) if plain else json_text(value))
    return csv_cell(str(value))
