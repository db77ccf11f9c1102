"""The weight-search index: ONNX files taken apart to single convolution kernels, with who feeds whom."""
