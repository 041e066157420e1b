"""Rigid registration between scans of one subject; affine and deformable registration of white matter to an atlas."""
