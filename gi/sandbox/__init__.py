"""Worker processes: a fork server, warm workers, limits, messages. Programs run nowhere else."""
