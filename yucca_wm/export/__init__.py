"""Pack a trained model into a single file for others to use; see `yucca_wm.training.model`."""
