"""Write the outputs: one part per subject; tables, ``localize.json`` and heat map made from all parts."""
