"""Training: tubed skeletons, losses, networks, and their integration into Yucca's own training step."""
