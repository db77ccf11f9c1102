"""The entry of a program: the expression that builds its network, evaluated among the program's own names.

"Net" and "resnet18" are called without arguments; "ShuffleNetV2(net_size=0.5)" says with which.
"""

import re


def entry_name(entry: str) -> str:
    """The class or function that an entry names."""
    name = re.match(r"\w+", entry)
    return name[0] if name else entry


def entry_call(entry: str) -> str:
    """The entry as a call."""
    return entry if entry.endswith(")") else f"{entry}()"
