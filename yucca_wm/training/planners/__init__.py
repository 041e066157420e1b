"""Planners selectable by ``-pl`` besides Yucca's own."""
