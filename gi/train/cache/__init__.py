"""What trainings gave, kept across runs, so that none of them is done twice."""
