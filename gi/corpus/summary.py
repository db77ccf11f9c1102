"""Figures of a corpus: ingredients by type, programs by repository and licence."""

import sqlite3
from dataclasses import dataclass
from typing import Any

_BY_TYPE = """
SELECT type, count(DISTINCT ingredients.id) AS ingredients, count(*) AS calls, count(DISTINCT symbol) AS symbols
FROM ingredients JOIN origins ON origins.ingredient = ingredients.id GROUP BY type ORDER BY type
"""
# LEFT JOIN: a program of which no call has a type is a program of its licence too.
_BY_LICENCE = """
SELECT licence, count(DISTINCT programs.id) AS programs, count(DISTINCT ingredient) AS ingredients
FROM programs LEFT JOIN origins ON origins.program = programs.id GROUP BY licence ORDER BY licence
"""
_SOURCES = """
SELECT sources.id AS id, repository, commit_hash AS "commit", count(programs.id) AS programs,
       coalesce(sum(num_lines), 0) AS lines
FROM sources LEFT JOIN programs ON programs.source = sources.id GROUP BY sources.id ORDER BY repository, commit_hash
"""
_LICENCES = "SELECT DISTINCT licence FROM programs WHERE source = ? ORDER BY licence"
_REFUSED = "SELECT path, reason FROM refused WHERE source = ? ORDER BY path"


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows of plain JSON values.

    `types`: type, ingredients (distinct calls), calls, symbols. `repositories`: repository, commit, licences, programs,
    lines (typed ones), refused (number of files by reason). `licences`: licence, programs, ingredients, allowed.
    """

    types: tuple[dict[str, Any], ...]
    repositories: tuple[dict[str, Any], ...]
    licences: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """The summary as plain JSON values."""
        return {"types": [*self.types], "repositories": [*self.repositories], "licences": [*self.licences]}


def summary(connection: sqlite3.Connection, allowed: frozenset[str]) -> Summary:
    """The figures of a corpus; `allowed` holds those of its licences that lines are borrowed under."""
    licences = ({**row, "allowed": row["licence"] in allowed} for row in _rows(connection, _BY_LICENCE))
    repositories = (_repository(connection, row) for row in _rows(connection, _SOURCES))
    return Summary(tuple(_rows(connection, _BY_TYPE)), tuple(repositories), tuple(licences))


def _repository(connection: sqlite3.Connection, row: dict[str, Any]) -> dict[str, Any]:
    source = row.pop("id")
    licences = [licence for (licence,) in connection.execute(_LICENCES, (source,))]
    refused: dict[str, int] = {}
    for _, reason in connection.execute(_REFUSED, (source,)):
        kind = reason.split(":")[0]  # the rest is a position in this file
        refused[kind] = refused.get(kind, 0) + 1
    return {**row, "licences": licences, "refused": refused}


def _rows(connection: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
