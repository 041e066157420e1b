"""Region labels for a subject: register the atlas's white matter to the subject's and carry the labels over."""

from yucca_wm.callable_room import make_callable

make_callable(__name__)
