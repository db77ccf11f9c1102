"""The one reader of records that arrive as JSON values: from another process, or from a stranger's file.

Imported where something is read, not at a module's top, by what every verb starts with: msgspec takes 10 ms.
"""

from typing import Any, TypeVar

import msgspec

from gi.core.errors import RecordError

Kind = TypeVar("Kind")


def decoded(kind: type[Kind], stored: Any, name: str = "") -> Kind:
    """The value of type `kind` that JSON values stand for: a frozen record, with its tuples, or anything in one.

    `dataclasses.asdict` is the way back. A whole number stands for a float, nothing else is converted; what a record
    does not know is passed over. Raises `RecordError`, which names `name` (the record's by default), the field, the
    type expected and the type got.
    """
    try:
        return msgspec.convert(stored, kind)
    except msgspec.ValidationError as error:
        # msgspec writes "$" for the record, which means nothing to a user.
        reason = str(error).replace(" - at `$.", " at `")
        raise RecordError(f"{name or getattr(kind, '__name__', kind)} cannot be read: {reason}.") from error
