import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.kernels.onnx.wire import LARGEST_DESCRIPTION, Bulk, WireError, description
from tests.kernels.onnx_files import conv, model, trained


def test_leaves_large_weights_in_the_file():
    weight = trained(64, 32, 3, 3)
    data = model([conv("c", "x", weight)], {}).SerializeToString()
    small, bulk = description(memoryview(data))
    tensor = onnx.ModelProto.FromString(small).graph.initializer[0]
    assert len(small) < 1000
    assert np.array_equal(np.frombuffer(bulk.resolve(tensor.raw_data), np.float32), weight.reshape(-1))


def test_small_models_come_through_unchanged():
    data = model([conv("c", "x", trained(1, 3, 3, 3))], {}).SerializeToString()
    assert description(memoryview(data))[0] == data


def test_a_file_cannot_name_a_token_of_its_own():
    bulk = Bulk()
    bulk.keep(memoryview(b"secret"))
    assert bytes(bulk.resolve(b"\0" * 24)) == b"\0" * 24


def test_refuses_a_description_past_its_limit():
    nodes = b"\x0a\x00" * (LARGEST_DESCRIPTION // 2 + 8)
    length = len(nodes)
    head = bytes([7 << 3 | 2]) + bytes(
        [length >> shift & 127 | (128 if shift < 28 else 0) for shift in range(0, 35, 7)]
    )
    with pytest.raises(WireError, match="larger than 16 MB"):
        description(memoryview(head + nodes))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(WireError):
        assert len(description(memoryview(data))[0]) <= len(data)


@given(st.data())
def test_a_cut_model_is_refused_or_shorter(data):
    whole = model([conv("c", "x", trained(16, 16, 3, 3))], {}, shape=(1, 16, 8, 8)).SerializeToString()
    length = data.draw(st.integers(0, len(whole) - 1))
    with contextlib.suppress(WireError):
        assert len(description(memoryview(whole[:length]))[0]) <= length
