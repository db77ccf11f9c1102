"""A program run on meta tensors in a worker: what every call received, what does not fit, what it computes."""
