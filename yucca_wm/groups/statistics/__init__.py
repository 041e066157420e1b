"""The statistics behind both commands: variables of a design, effects and their p-values, groups of subjects."""
