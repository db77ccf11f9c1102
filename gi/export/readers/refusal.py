"""How a reader ends the exported program: with one line that shows the names of others and does not obey them."""


def printable(text: object) -> str:
    r"""The text on one line, with an escape as Python writes it (`\n`, `\x1b`) for what cannot be seen."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def refusal(text: object) -> SystemExit:
    """The exit with a text on one line."""
    return SystemExit(printable(text))
