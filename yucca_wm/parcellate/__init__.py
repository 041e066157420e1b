"""Region labels for a subject: register the atlas's white matter to the subject's and transfer the labels."""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
