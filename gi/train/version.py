"""The version of the trainer, which every kept outcome is filed under."""

#: Raise it with every change after which a training may give another outcome than before: what was kept is then not
#: taken for today's. tests/train/test_version.py fails until each change of the sources was decided on.
TRAINER_VERSION = 7
