"""The planners that ``-pl`` can name beside Yucca's own."""
