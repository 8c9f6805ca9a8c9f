"""Why an archive is refused."""


class Refused(Exception):
    """Base of all refusals."""


class Corrupt(Refused):
    """The bytes contradict themselves."""


class Unsupported(Refused):
    """The bytes are whole but need something this decoder does not have."""


class Unsafe(Refused):
    """Unpacking would create something that a reader must refuse."""


class ModelMissing(Refused):
    """The model that was used is not at hand, or this arithmetic does not reproduce it."""
