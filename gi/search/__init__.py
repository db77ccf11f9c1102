"""The search: generations, evaluations in flight, budget, stopping, final trainings."""
