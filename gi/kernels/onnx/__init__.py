"""ONNX files read without checker or runtime: weights, folded constants, convolutions."""
