"""Runs a program on meta tensors in a worker: records every call, finds misfits, identifies what it computes."""
