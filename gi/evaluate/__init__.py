"""Training and measuring programs: data sets, recipe, training loop, workers. Torch is imported in workers only."""

from gi.evaluate.datasets import Dataset, load_dataset
from gi.evaluate.executor import LocalExecutor
from gi.evaluate.machine import Machine, doctor
from gi.evaluate.workers import WarmWorker, WorkerDied, WorkerTimeout

__all__ = ["Dataset", "LocalExecutor", "Machine", "WarmWorker", "WorkerDied", "WorkerTimeout", "doctor", "load_dataset"]
