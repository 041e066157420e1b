"""What regional load says about a cohort: groups of subjects with like patterns, and association with disease."""
