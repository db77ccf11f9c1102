"""How the final trainings of individuals went, and what their networks get wrong, as the page shows it."""

import base64
from collections.abc import Collection, Mapping
from typing import Any

from gi.archive import Archive
from gi.core.diagnosis import Diagnosis

_MOST_MISTAKES = 12  # of one individual, worst first


def diagnoses(archive: Archive, shown: Collection[str], place: Mapping[str, int]) -> dict[int, dict[str, Any]]:
    """Of each of `shown` (ids) the loss curves of all its final trainings, and what the first one's network gets wrong.

    The first is the one whose weights the run keeps.
    """
    told: dict[int, dict[str, Any]] = {}
    for id_, _, images, diagnosis in archive.outcomes.diagnoses():
        if id_ in shown:
            first = {"images": images, "confusion": diagnosis.confusion, "mistakes": _mistakes(diagnosis), "curves": []}
            told.setdefault(place[id_], first)["curves"].append(diagnosis.losses)
    return told


def pictures(archive: Archive, told: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """The pictures (PNG, base64) of the samples that the mistakes of `told` are, as far as the run keeps them."""
    wrong = {mistake[0] for one in told.values() for mistake in one["mistakes"]}
    kept = archive.outcomes.pictures()
    return {sample: base64.b64encode(kept[sample]).decode() for sample in sorted(wrong & kept.keys())}


def _mistakes(diagnosis: Diagnosis) -> list[list[float]]:
    return [[m.sample, m.label, m.answer, float(f"{m.share:.3g}")] for m in diagnosis.mistakes[:_MOST_MISTAKES]]
