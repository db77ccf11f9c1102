"""The weight-search index: the convolution kernels of ONNX networks, and which kernels feed which."""
