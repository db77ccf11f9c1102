"""Whatever bytes gi is given, it answers or raises one of its own errors, in bounded time.

The examples are the same in every run; `GI_FUZZ_EXAMPLES=5000` draws that many new ones.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, limited, samples

MORE = int(os.environ.get("GI_FUZZ_EXAMPLES", "0"))
#: Those that run programs or write files take a second for twenty.
EXAMPLES = {"repair": 12, "answers": 40, "run_file": 25, "index_state": 25, "picture": 25, "onnx": 60, "npz": 60}
#: What changes the meaning of a text or of a record more than a byte does.
TOKENS = (
    b"0", b"-1", b"99999999999999999999", b"1e999", b"nan", b"null", b"true", b"[]", b"{}", b'""', b"(", b")", b"[",
    b"\n", b"    ", b"\t", b"\r", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"lambda: ", b"self.", b"*", b"**", b"@",
    b":=",     b"import os\n", b"class A(A): pass\n", b"def f(*, a): pass\n", b"f'{x!r:{y}}'", b"match x:\n", b"async ",
    b"\\",     b"# coding: utf-7\n", b"\xef\xbb\xbf", b"'''", b"if 1:\n", b"getattr(self, 'a')", b"x = y = ",
    b"del ", b"..", b"%s",
)  # fmt: skip


def run_of(name: str):
    """The settings of one target: the same examples each time, or many new ones."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    if MORE:
        return settings(max_examples=MORE, deadline=None, suppress_health_check=checks, database=None)
    return settings(
        max_examples=EXAMPLES.get(name, 100),
        derandomize=True,
        deadline=None,
        suppress_health_check=checks,
        database=None,
    )


@st.composite
def changed(draw: st.DrawFn, whole: bytes) -> bytes:
    """A valid input with a few parts overwritten, doubled, taken out or moved."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 2, 4, 16, 64]))
        part = bytes(data[start : start + length])
        kind = draw(st.sampled_from(["token", "bytes", "cut", "double", "move", "end"]))
        if kind == "token":
            data[start : start + length] = draw(st.sampled_from(TOKENS))
        elif kind == "bytes":
            data[start : start + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut":
            del data[start : start + length]
        elif kind == "double":
            data[start:start] = part * draw(st.integers(1, 40))
        elif kind == "move":
            del data[start : start + length]
            at = draw(st.integers(0, len(data)))
            data[at:at] = part
        else:
            del data[start:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_the_sample_is_taken(name):
    with limited():
        TARGETS[name](samples()[name])


@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_input_has_an_answer(name):
    @run_of(name)
    @given(changed(samples()[name]))
    def each(data):
        with limited():
            TARGETS[name](data)

    each()


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"repair"}))
def test_any_bytes_have_an_answer(name):
    @run_of(name)
    @given(st.binary(max_size=400))
    def each(data):
        with limited():
            TARGETS[name](data)

    each()
