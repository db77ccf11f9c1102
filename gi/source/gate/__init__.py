"""The static gate: finds, without running a program, what in its text is not a network and its recipe."""
