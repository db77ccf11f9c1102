"""What two texts have in common once formatting, names and dead code are taken away."""
