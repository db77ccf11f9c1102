"""Which values the expressions of a program may have: a data-flow analysis over the text alone, by allocation sites."""
