"""Splits the difference between an individual and its seed program into changes, and measures what each contributes.

Modules are imported one by one: `gi front` and `gi show` read records, and need neither trainings nor repair.
"""
