"""Training: tubed skeletons, the loss, the networks and what carries them through Yucca's own training step."""
