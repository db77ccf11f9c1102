"""Separates a model file's tensor data from its description: no weights are copied, no declared size is trusted.

Protobuf parsers need about 80 times the memory of a message's smallest encoding, and copy every weight. So the wire
format is scanned once over the mapped file: large tensor data is replaced by tokens, and only the rest, which has a
size limit, is parsed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

# Smaller data stays in the description, whose limit bounds it.
SMALLEST_BULK = 2048
# The parser needs up to 80 times a message's size: at most 1.3 GB.
LARGEST_DESCRIPTION = 16 << 20
_DEEPEST = 60

# Message kinds with the fields that are scanned recursively: field number -> kind.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _OTHER = range(8)
_FIELDS: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE},
}
# Documentation, metadata and inferred types: never needed, sometimes large.
_SKIPPED: dict[int, frozenset[int]] = {
    _MODEL: frozenset({6, 14, 20}),
    _GRAPH: frozenset({10, 13, 14, 16}),
    _NODE: frozenset({6, 9, 10}),
    _FUNCTION: frozenset({8, 12, 14}),
}
_FLOAT_DATA, _RAW_DATA = 4, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are no protobuf message, or a description beyond its limit."""


@dataclass(slots=True)
class Bulk:
    """Tensor data left in the file: token -> the bytes."""

    nonce: bytes = field(default_factory=lambda: os.urandom(16))
    by_token: dict[bytes, memoryview] = field(default_factory=dict)

    def keep(self, data: memoryview) -> bytes:
        """Keeps these bytes, and returns their token."""
        # Random, so that no file can contain bytes that equal a token.
        token = self.nonce + len(self.by_token).to_bytes(8, "little")
        self.by_token[token] = data
        return token

    def resolve(self, data: bytes) -> memoryview:
        """The kept bytes of a token; other data unchanged."""
        return self.by_token.get(data) or memoryview(data)


def description(data: memoryview) -> tuple[bytes, Bulk]:
    """The model without its large tensor data, as protobuf bytes, and that data. Raises `WireError`."""
    walker = _Walker(data)
    return b"".join(walker.message(0, len(data), _MODEL, 0)), walker.bulk


class _Walker:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._size = 0
        self.bulk = Bulk()

    def message(self, start: int, end: int, kind: int, depth: int) -> Iterator[bytes]:
        """The message's bytes in parts, with large tensor data replaced."""
        if depth > _DEEPEST:
            raise WireError(f"messages nested more than {_DEEPEST} deep")
        inner, skipped = _FIELDS.get(kind, {}), _SKIPPED.get(kind, frozenset())
        # Copied in pieces between large fields.
        at = kept = start
        while at < end:
            head = at
            number, wire, body, at = self._field(at, end)
            if wire != _BYTES or (number not in skipped and at - body < SMALLEST_BULK):
                continue
            replaced = self._replaced(body, at, kind, number, inner, depth) if number not in skipped else b""
            if replaced is None:
                continue
            yield self._copied(kept, head)
            yield replaced
            kept = at
        yield self._copied(kept, end)

    def _replaced(self, body: int, end: int, kind: int, number: int, inner: dict[int, int], depth: int) -> bytes | None:
        """The replacement of a large field; None where it stays."""
        if kind == _TENSOR and number in (_RAW_DATA, _FLOAT_DATA):  # packed floats have the layout of raw data
            return _encoded(_RAW_DATA, self.bulk.keep(self._data[body:end]))
        if number in inner:
            return _encoded(number, b"".join(self.message(body, end, inner[number], depth + 1)))
        return None

    def _copied(self, start: int, end: int) -> bytes:
        # Counted while copying, since declared sizes are not trusted.
        self._size += end - start
        if self._size > LARGEST_DESCRIPTION:
            raise WireError(f"its description without weights is larger than {LARGEST_DESCRIPTION >> 20} MB")
        return bytes(self._data[start:end])

    def _field(self, at: int, end: int) -> tuple[int, int, int, int]:
        """A field's number, its wire type, and the start and end of its body."""
        tag, at = self._varint(at, end)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise WireError("a field of number 0")
        body = at
        if wire == _VARINT:
            _, at = self._varint(at, end)
        elif wire == _BYTES:
            length, body = self._varint(at, end)
            at = body + length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise WireError(f"a field of wire type {wire}")
        if at > end:
            raise WireError("a field that is longer than its message: the file is damaged or cut short")
        return number, wire, body, at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        # Ten bytes hold 64 bits: a longer number is invalid.
        while at < end and shift < 70:
            byte = self._data[at]
            value |= (byte & 127) << shift
            at += 1
            if byte < 128:
                return value, at
            shift += 7
        raise WireError("a number without an end: the file is damaged or cut short")


def _encoded(number: int, body: bytes) -> bytes:
    return b"".join((_varint_bytes(number << 3 | _BYTES), _varint_bytes(len(body)), body))


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
