"""Where in the brain white-matter lesions are: region labels, segmentation and localization.

Importing this package loads neither torch nor Yucca; every step lives in its own subpackage.
"""

__version__ = "0.1.0"
