"""Classes of kernels, the classifier from children to the parent's class, the gallery."""
