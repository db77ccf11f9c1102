"""The Python interface, which the command line uses, too: evolve, runs, individuals, repair, seeding, the estimator.

`import gi` offers the names of this package and imports it lazily; see docs/python.md.
"""
