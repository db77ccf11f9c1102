"""An evolved program as somebody would have written it: small transformations of its text, each where it is safe.

`PASSES` lists them with examples; `gi.export.tidy.tidied` runs them and compares the outputs of both programs in a
confined worker before anything is written.
"""
