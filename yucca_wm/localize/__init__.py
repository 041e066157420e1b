"""Where the lesions are: lesion load per region, a census of lesions, and maps, from any lesion and region masks."""

from yucca_wm.callable_room import make_callable

make_callable(__name__)
