"""Training and measuring in a worker: loop, measuring, job, executor."""
