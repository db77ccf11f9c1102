"""A run as canonical text, to compare runs with: no times, no costs, no order of completion.

The detail of a failed evaluation is left out too: it may tell after how many seconds a limit struck. So are
fingerprints: the last digit of one may be this processor's.
"""

from gi.archive.archive import Archive
from gi.archive.rows import to_json

# Ordered by keys or by acceptance, never by when an outcome arrived.
_CONTENT = (
    ("run", "SELECT config, objectives, reference FROM run"),
    ("seed", "SELECT position, text, repository, commit_hash, path, line, licence FROM seeds ORDER BY position"),
    (
        "individual",
        "SELECT seq, id, text, generation, slot, repository, commit_hash, path, line, licence "
        "FROM individuals ORDER BY seq",
    ),
    ("parent", "SELECT individual, position, parent FROM parents ORDER BY individual, position"),
    (
        "edit",
        "SELECT individual, position, operator, type, at_line, before, after, "
        "repository, commit_hash, path, line, licence FROM edits ORDER BY individual, position",
    ),
    ("promotion", "SELECT number, generation, slot, individual, images FROM promotions ORDER BY number"),
    ("slot", "SELECT generation, slot, individual FROM slots ORDER BY generation, slot"),
    (
        "try",
        "SELECT generation, slot, number, operator, stage, reason, detail FROM tries ORDER BY generation, slot, number",
    ),
    (
        "outcome",
        "SELECT individual, split, seed, images, figures, stage, reason, copied_from FROM outcomes "
        "ORDER BY individual, split, seed, images",
    ),
    (
        "generation",
        "SELECT number, population, front, hypervolume, random_state, ended FROM generations ORDER BY number",
    ),
    (
        "retraining",
        "SELECT individual, seed, images, weights FROM retrainings ORDER BY individual, seed, images",
    ),
)


def canonical_text(archive: Archive) -> str:
    """The run as one line for each row, its kind and its values as JSON: equal for equal runs."""
    lines = [f"{kind} {to_json(list(row))}" for kind, query in _CONTENT for row in archive.db.rows(query)]
    return "\n".join(lines) + "\n"
