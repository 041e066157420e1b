"""The models that come with this package, and what they say about a person's scans."""
