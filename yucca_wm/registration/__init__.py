"""Rigid registration between scans of one person; affine and deformable of white matter to the atlas's."""
