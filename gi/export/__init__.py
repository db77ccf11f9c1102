"""An individual of a run as plain PyTorch: one file that builds, trains and scores the network without gi."""

from gi.export.choice import KNEE, best_member, knee
from gi.export.subject import Subject, individual_subject, minimised_subject
from gi.export.write import Exported, export_model, export_subject, model_source, refuse_existing, refuse_others_beside

__all__ = [
    "KNEE",
    "Exported",
    "Subject",
    "best_member",
    "export_model",
    "export_subject",
    "individual_subject",
    "knee",
    "minimised_subject",
    "model_source",
    "refuse_existing",
    "refuse_others_beside",
]
