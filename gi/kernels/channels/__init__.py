"""Which channels of one convolution are which channels of another, through whatever lies between."""
