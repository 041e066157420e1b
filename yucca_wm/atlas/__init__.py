"""The atlas: fetched with checksums, merged into regions, drawn."""
