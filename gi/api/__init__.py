"""What other code calls, and the command line too: evolve, runs and their individuals, repair, seeding, the estimator.

`import gi` offers the names of this package without importing it; see docs/python.md.
"""
