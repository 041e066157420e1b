"""Subjects of a cohort: their ids, and where their files lie in every layout."""
