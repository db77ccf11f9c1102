"""The static gate: what of a program's text leads out of a network and its recipe, found without running it."""
