"""Training on painted samples in Yucca: dataset, lightning module, losses and settings."""
