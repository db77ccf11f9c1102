"""The machines of a Ray cluster in place of this one: what `--executor ray` adds. Nothing else of gi knows of Ray."""
