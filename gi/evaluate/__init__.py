"""Training and measuring programs: data sets, recipe, training loop, workers. Torch is imported in workers only."""

from gi.evaluate.workers import WarmWorker, WorkerDied, WorkerTimeout

__all__ = ["WarmWorker", "WorkerDied", "WorkerTimeout"]
