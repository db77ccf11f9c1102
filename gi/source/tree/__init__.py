"""A program's text as a tree with places: parsing, scopes, imports, edits by span."""
