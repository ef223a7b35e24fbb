"""What the service loads for good is not looked through for garbage again."""

import gc


def begin() -> None:
    """Looks for no garbage while modules are loaded: what they make stays."""
    gc.disable()


def settle() -> None:
    """Sets aside all that there is by now, and looks for garbage in what comes after.

    A full collection walks every object that is kept. Those of the loaded modules are half a
    million; a walk through them stops every thread for 200 ms, and so each acknowledgement that
    was due. Source: https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()
    gc.enable()
