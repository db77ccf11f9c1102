"""An individual of a run as plain PyTorch: one file that builds, trains and scores the network without gi."""

from gi.export.choice import KNEE, best_member, knee
from gi.export.write import Exported, export_model, model_source

__all__ = ["KNEE", "Exported", "best_member", "export_model", "knee", "model_source"]
