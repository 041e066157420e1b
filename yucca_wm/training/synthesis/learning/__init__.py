"""How a network learns from painted samples, in Yucca: dataset, lightning module, losses and settings."""
