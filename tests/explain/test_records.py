import json

import pytest

from gi.core.errors import RecordError
from gi.core.types import Origin
from gi.explain.difference import Change
from gi.explain.records import Effect, Explanation, Verdict

VERDICT = Verdict(
    Change(1, 3, (3, 4), "a", "b"), "kept", "better", (Effect("error", -0.1),), 2, ("deletion",),
    (Origin("r", "c", "p.py", 1, "MIT"),),
)  # fmt: skip
EXPLANATION = Explanation("aa", "bb", "cc", "text", 5, (VERDICT,), levels={"error": (0.5,)}, tests=(0.25,))


def stored():
    return json.loads(json.dumps(EXPLANATION.to_json()))


def places(value, path=()):
    """The path of each key and each item of a JSON value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def test_what_gi_wrote_is_read():
    assert Explanation.from_json(stored()) == EXPLANATION


@pytest.mark.parametrize("path", list(places(stored())), ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_is_refused_in_one_line(path):
    document = stored()
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = {"\n": None}
    with pytest.raises(RecordError, match=r"^an explanation of the run file cannot be read: .*\.$") as refused:
        Explanation.from_json(document)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["individual", "seed_program", "id", "text", "num_params", "verdicts"])
def test_a_missing_key_is_named(key):
    document = stored()
    del document[key]
    with pytest.raises(
        RecordError, match=f"an explanation of the run file cannot be read: .*missing required field `{key}`"
    ):
        Explanation.from_json(document)


def test_a_missing_key_of_a_change_is_named_with_its_place():
    document = stored()
    del document["verdicts"][0]["change"]["lines"]
    with pytest.raises(RecordError, match=r"missing required field `lines` at `verdicts\[0\]\.change`"):
        Explanation.from_json(document)
