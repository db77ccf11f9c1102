import numpy as np
import pytest

from gi.core.errors import WeightsError
from gi.kernels.donors.pack import read_pack, write_pack
from tests.kernels.donor_nets import donor, stack


def test_what_is_written_is_read(tmp_path):
    first = donor("a", stack(4, 6, norm=True, bias=False))
    second = donor("b", stack(5), first_id=40)
    assert write_pack([first, second], tmp_path / "pack") == 2
    found = read_pack(tmp_path / "pack")
    assert [each.name for each in found] == ["a", "b"]
    for before, after in zip(first.layers + second.layers, found[0].layers + found[1].layers, strict=True):
        np.testing.assert_array_equal(before.weight, after.weight)
        assert (before.id, before.links, before.groups, before.stride) == (
            after.id,
            after.links,
            after.groups,
            after.stride,
        )
    np.testing.assert_array_equal(found[0].layers[0].norm.variance, first.layers[0].norm.variance)
    np.testing.assert_array_equal(found[1].layers[0].bias, second.layers[0].bias)
    assert found[0].layers[0].bias is None
    assert found[1].layers[0].norm is None


def test_the_smallest_donors_are_kept_in_their_order(tmp_path):
    nets = [donor("large", stack(64, 64)), donor("b", stack(4)), donor("a", stack(2))]
    assert write_pack(nets, tmp_path / "pack", most_bytes=2000) == 2
    assert [each.name for each in read_pack(tmp_path / "pack")] == ["b", "a"]


def test_an_empty_pack_is_a_pack(tmp_path):
    assert write_pack([], tmp_path / "pack") == 0
    assert read_pack(tmp_path / "pack") == ()


@pytest.mark.parametrize("content", [b"", b"\x05\0\0\0\0\0\0\0{}", b"\xff" * 40])
def test_refuses_what_is_no_pack(tmp_path, content):
    (tmp_path / "pack").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_pack(tmp_path / "pack")


def test_refuses_a_pack_that_is_cut_short(tmp_path):
    write_pack([donor("a", stack(4, 4))], tmp_path / "pack")
    whole = (tmp_path / "pack").read_bytes()
    (tmp_path / "pack").write_bytes(whole[:-40])
    with pytest.raises(WeightsError, match="cannot be read"):
        read_pack(tmp_path / "pack")
