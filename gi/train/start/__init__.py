"""Where a training starts from: its program, its parent's weights, donors of an index."""
