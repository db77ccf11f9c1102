import contextlib

import pytest

from gi.core.lock import hold, is_held


def test_a_lock_has_one_holder_until_it_is_closed(tmp_path):
    with contextlib.closing(hold(tmp_path / "a.lock")):
        with pytest.raises(BlockingIOError, match="locked"):
            hold(tmp_path / "a.lock")
        hold(tmp_path / "b.lock").close()
    hold(tmp_path / "a.lock").close()


def test_a_lock_that_cannot_be_made_says_so(tmp_path):
    with pytest.raises(PermissionError, match="unable to open"):
        hold(tmp_path / "missing" / "a.lock")


def test_who_asks_whether_a_lock_is_held_neither_makes_nor_takes_it(tmp_path):
    path = tmp_path / "a.lock"
    assert not is_held(path)
    assert not path.exists()
    with contextlib.closing(hold(path)):
        assert is_held(path)
    assert not is_held(path)
    hold(path).close()
