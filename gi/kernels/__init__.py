"""The weight-search index: ONNX networks taken apart to single convolution kernels, with who feeds whom."""
