"""Pack a trained model into one file that others can use; see `yucca_wm.training.model`."""
