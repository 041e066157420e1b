"""From a person's scans to lesion and region maps and the table of where the lesions are."""
