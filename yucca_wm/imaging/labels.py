"""Labels of lesion maps in the WMH challenge and in Task001."""

from __future__ import annotations

LESION = 1
"""White-matter lesion."""

OTHER_PATHOLOGY = 2
"""May occur, but is not white-matter lesion."""
