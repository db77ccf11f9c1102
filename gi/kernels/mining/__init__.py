"""Classes of kernels, the classifier of a parent's class from its children, the gallery."""
