"""A cohort: which subjects there are, where their files lie, and work done subject by subject."""
