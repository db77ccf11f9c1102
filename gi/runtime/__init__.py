"""What the loop runs on: its parts, the evaluations under way, CPU time, requests to stop, and what it tells."""
