"""The user's own model file: its entry points, and the patch that leads back to it."""
