"""Reads ONNX files without checker or runtime: weights, folded constants, convolutions."""
