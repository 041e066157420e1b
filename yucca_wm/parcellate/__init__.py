"""Region labels for a subject: register the atlas's white matter to the subject's and carry the labels over."""
