"""Redaction of a text that comes in pieces."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from spanglass.redaction._redactor import Redactor, replaced

#: Characters that are held back: longer than any entity that has blanks in it, with the words
#: that make it one.
HOLD: Final = 160
#: Characters of a word without an end after which it is let go.
_LONGEST_WORD: Final = 16_384
_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,60}-----")


class StreamRedactor:
    """Redacts a stream: what may be the beginning of something waits for the next piece.

        redactor = StreamRedactor()
        for piece in pieces:
            show(redactor.feed(piece))
        show(redactor.finish())

    The pieces put together are what `Redactor.redact` makes of the whole text, but for words of
    more than 16,384 characters.

    Args:
        redactor: what to look for; None for everything.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self._held = ""
        self._in_key = False
        #: What was found, by entity.
        self.counts: Counter[str] = Counter()

    def feed(self, piece: str) -> str:
        """Takes a piece; gives what can be shown by now, which may be nothing."""
        self._held += piece
        if self._in_key:
            end = _KEY_END.search(self._held)
            if end is None:
                self._held = self._held[-100:]
                return ""
            self._held, self._in_key = self._held[end.end() :], False
        begin = _KEY_BEGIN.search(self._held)
        open_key = begin is not None and _KEY_END.search(self._held, begin.end()) is None
        if begin is not None and open_key and self._redactor.find(begin.group()):
            shown = self._redactor.redact(self._held[: begin.start()], self.counts)
            self.counts["PRIVATE_KEY"] += 1
            self._held, self._in_key = self._held[begin.end() :][-100:], True
            return shown + "<PRIVATE_KEY>"
        return self._release()

    def finish(self) -> str:
        """The end of the stream: gives what was held back."""
        held, self._held = self._held, ""
        return "" if self._in_key else self._redactor.redact(held, self.counts)

    def _release(self) -> str:
        held = self._held
        cut = len(held) - HOLD
        if cut <= 0:
            return ""
        # At a blank: a word that began before the cut may go on behind the end.
        blank = held.rfind(" ", 0, cut)
        for other in "\n\t":
            blank = max(blank, held.rfind(other, 0, cut))
        if cut - max(0, blank) < _LONGEST_WORD:
            cut = blank
        if cut <= 0:
            return ""
        found = self._redactor.find(held)
        for each in reversed(found):
            if each.since < cut < each.end:
                cut = each.since
        ready, self._held = held[:cut], held[cut:]
        return replaced(ready, [each for each in found if each.end <= cut], self.counts)
