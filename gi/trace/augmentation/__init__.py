"""What a recipe's augmentation does to a batch of images."""
