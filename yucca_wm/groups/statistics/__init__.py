"""Statistics of both commands: design variables, effects and their p-values, groups of subjects."""
