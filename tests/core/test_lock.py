import contextlib

import pytest

from gi.core.lock import hold


def test_a_lock_has_one_holder_until_it_is_closed(tmp_path):
    with contextlib.closing(hold(tmp_path / "a.lock")):
        with pytest.raises(BlockingIOError, match="locked"):
            hold(tmp_path / "a.lock")
        hold(tmp_path / "b.lock").close()
    hold(tmp_path / "a.lock").close()


def test_a_lock_that_cannot_be_made_says_so(tmp_path):
    with pytest.raises(PermissionError, match="unable to open"):
        hold(tmp_path / "missing" / "a.lock")
