"""Networks selectable by ``yucca_train -m``. One file per family; Yucca's classes, patched and extended."""
