"""The simplest expression over the names in scope, and conditions that tell cases apart."""

import pytest

from gi.source.repair.expressions import condition, expression

SCOPES = [
    {"planes": 64, "stride": 1, "in_planes": 64, "self.expansion": 4, "self.conv1.out_channels": 128},
    {"planes": 64, "stride": 2, "in_planes": 256, "self.expansion": 4, "self.conv1.out_channels": 128},
    {"planes": 128, "stride": 2, "in_planes": 256, "self.expansion": 4, "self.conv1.out_channels": 256},
]
FOUND = {
    "a number": ([9, 9, 9], "9"),
    "a tuple": ([(3, 1), (3, 1), (3, 1)], "(3, 1)"),
    "a name": ([64, 64, 128], "planes"),
    "an attribute": ([128, 128, 256], "self.conv1.out_channels"),
    "a multiple": ([192, 192, 384], "3 * planes"),
    "a part": ([16, 16, 32], "planes // 4"),
    "a product": ([64, 512, 512], "in_planes * stride"),
    "a sum": ([128, 320, 384], "in_planes + planes"),
    "a shift": ([67, 67, 131], "planes + 3"),
    "a choice": ([64, 7, 7], "planes if stride == 1 else 7"),
}


@pytest.mark.parametrize(("wanted", "text"), FOUND.values(), ids=FOUND)
def test_finds_what_is_right_every_time(wanted, text):
    found = expression(SCOPES, wanted)
    assert found is not None
    assert [eval(found.text, {}, _names(scope)) for scope in SCOPES] == wanted
    if "if" not in text:
        assert found.text == text


def _names(scope):
    own = type("Own", (), {"expansion": scope["self.expansion"]})
    own.conv1 = type("Layer", (), {"out_channels": scope["self.conv1.out_channels"]})
    return {**{n: v for n, v in scope.items() if "." not in n}, "self": own}


@pytest.mark.parametrize("wanted", [[1, 2, 5], [(1, 2), 3, 3], ["same", "same", 1]])
def test_says_when_there_is_none(wanted):
    scopes = [{"a": 1, "b": 3}, {"a": 1, "b": 3}, {"a": 1, "b": 3}]
    assert expression(scopes, wanted) is None


def test_a_name_counts_only_where_every_case_has_it():
    assert expression([{"a": 8, "b": 8}, {"b": 16}], [8, 16]).text == "b"
    assert expression([{"a": 8}, {"b": 16}], [8, 16]) is None


@pytest.mark.parametrize(
    ("needed", "text"),
    [
        ([False, True, True], "stride != 1"),
        ([False, False, True], "planes == 128"),
        ([True, False, False], "in_planes == 64"),
        ([False, True, False], None),
    ],
)
def test_a_condition_holds_just_where_it_is_needed(needed, text):
    found = condition(SCOPES, needed)
    if text is not None:
        assert found is not None
        assert [eval(found, {}, _names(scope)) for scope in SCOPES] == needed
    else:
        assert found is None or [eval(found, {}, _names(scope)) for scope in SCOPES] == needed
