"""Where the lesions are: lesion load per region, a census of lesions, and maps, from any lesion and region masks."""
