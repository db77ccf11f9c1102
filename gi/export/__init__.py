"""An individual of a run as plain PyTorch: one file that builds, trains and scores the network without gi."""

from gi.export.choice import KNEE, best_member, knee
from gi.export.hub import Hub, Zoo, export_hub, export_zoo, refuse_replacing
from gi.export.subject import Subject, individual_subject, minimised_subject
from gi.export.tidy.tidied import tidied_for_run
from gi.export.write import (
    Exported,
    export_best,
    export_subject,
    formats,
    model_source,
    refuse_existing,
    refuse_others_beside,
)

__all__ = [
    "KNEE",
    "Exported",
    "Hub",
    "Subject",
    "Zoo",
    "best_member",
    "export_best",
    "export_hub",
    "export_subject",
    "export_zoo",
    "formats",
    "individual_subject",
    "knee",
    "minimised_subject",
    "model_source",
    "refuse_existing",
    "refuse_others_beside",
    "refuse_replacing",
    "tidied_for_run",
]
