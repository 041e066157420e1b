"""The networks that ``yucca_train -m`` can name. Each file is one family; Yucca's classes, mended and extended."""
