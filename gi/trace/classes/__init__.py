"""Module classes of other files, tried on meta tensors: which of them work as blocks."""
