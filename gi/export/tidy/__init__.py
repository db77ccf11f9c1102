"""Rewrites an evolved program in the usual form of hand-written code, by small transformations where they are safe.

`PASSES` lists them with examples; `gi.export.tidy.tidied` runs them and compares the outputs of both programs in a
confined worker before anything is written.
"""
