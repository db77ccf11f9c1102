"""Bytes to text."""

import pytest

from gi.core.errors import SourceError
from gi.lines import decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1", "x = 1"),
        ("é = 1\r\n".encode(), "é = 1\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n", None),
        ("# coding: utf-8\nx = 'ß'".encode(), "# coding: utf-8\nx = 'ß'"),
    ],
)
def test_reads_the_encoding_as_python_does(data, text):
    assert decode(data) == (text if text is not None else data.decode("cp1252"))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"x = 1\ny = '\xe9'\n", "2:6"),
        (b"\xe9", "1:1"),
        (b"# coding: klingon\n", "1:1: .*klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "1:1"),
    ],
)
def test_refuses_bytes_that_the_encoding_does_not_hold(data, place):
    with pytest.raises(SourceError, match=rf"^{place}") as caught:
        decode(data)
    assert "\n" not in str(caught.value)
