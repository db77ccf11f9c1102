"""Reports of a run for people and for programs: tables, plots, JSON, a page. Its modules are imported one by one: an
answer in JSON needs neither rich nor the explanations.
"""
