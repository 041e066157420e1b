"""Training samples painted from label maps: any contrast, lesions in known places, no scan needed."""
