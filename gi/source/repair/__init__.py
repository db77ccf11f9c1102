"""A misfit that a trace found -> the edit of the text that mends it."""
