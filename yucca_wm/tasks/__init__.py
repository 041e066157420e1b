"""The six tasks: what they are, how a raw Yucca task is written, and how subjects are split."""
