"""Numbers that remember which places of the text they came through."""
