"""The index on disk: layers, kernels, kinship, nearest neighbours."""
