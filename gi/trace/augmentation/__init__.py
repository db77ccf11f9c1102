"""Applies a recipe's augmentation to a batch of images."""
