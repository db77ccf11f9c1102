"""Training and measuring programs: data sets, recipe, training loop, workers. Torch is imported in workers only."""
