"""Errors of the store, each a sentence that says what to do."""


class StoreError(Exception):
    """Something the operator has to change; the message says what."""


class Unknown(StoreError):
    """There is no such thing; the message says where to look up what there is."""


class NotAllowed(StoreError):
    """Whoever asks may not have that; the message says what it takes."""


class Busy(StoreError):
    """What is to begin is under way already; it can be asked for again when that has ended."""


class Conflict(StoreError):
    """Somebody else has changed it meanwhile; look at it again and then decide."""


class StoreUnavailable(StoreError):
    """ClickHouse can't be reached, is short of something, or gave no answer; it may later.

    Attributes:
        code: ClickHouse's error number, 0 if it gave none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class StoreOverloaded(StoreUnavailable):
    """A statement took more memory or time than ClickHouse gives it; a smaller one may pass."""


class QueryRefused(StoreError):
    """ClickHouse refused a statement for its content; trying again can't help.

    Attributes:
        code: ClickHouse's error number, 0 if it gave none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class BadCursor(StoreError):
    """A cursor that we did not make, or made for another list."""

    def __init__(self) -> None:
        super().__init__("The cursor is not one of this list. Leave it out to begin at the top.")
