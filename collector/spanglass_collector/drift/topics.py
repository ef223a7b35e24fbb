"""What texts are about: learns a service's topics once, counts them by hour, finds new ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.topics import (
    LEAST,
    NEW_LEAST,
    NEW_SHARE,
    NONE,
    Topics,
    assigned,
    learn_topics,
    new_topic,
)
from spanglass_detectors.embedding.minilm import missing_packages
from spanglass_detectors.text.exchange import exchange_of
from spanglass_store.client import Store
from spanglass_store.drift.topics import (
    METRICS,
    Call,
    counted_topics,
    keep_topics,
    read_calls,
    read_topics,
    write_topic_samples,
    write_topics,
)

log = logging.getLogger(__name__)

#: Makes vectors of texts: a row each, of length one; zeros for a text without words.
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

#: Hours whose texts are in memory at a time, and texts that topics are learned from.
_AT_ONCE: Final = 12
_LEARNED_FROM: Final = 4_000
#: Hours before the present that are no reference, and in which a new topic is looked for.
_RECENT_H: Final = 24
#: Services of a project, and topics of a service.
_SERVICES: Final = 20
_MOST: Final = 40
#: Characters of a text that say what it is about.
_CHARACTERS: Final = 2_000


def embedder(folder: Path | None) -> Embed | None:
    """What makes vectors of texts; None where it is not installed.

    Args:
        folder: where it keeps what it has learned.
    """
    if missing_packages():
        log.info("topics are not watched: %s is not installed", ", ".join(missing_packages()))
        return None
    made: list[Embed] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        if not made:
            # It loads a model: only when there is something to read.
            from spanglass_detectors.embedding.table import StaticTable

            made.append(StaticTable(folder).embed)
        return made[0](texts)

    return embed


@dataclass(frozen=True)
class _Text:
    """What somebody asked, or a model answered."""

    service: str
    metric: str
    hour: int
    author: str
    text: str


class TopicCounter:
    """Counts the topics of one project.

    Args:
        store: as the owner.
        project: whose.
        embed: makes vectors of texts.
        days: of the reference.
        keep: called while it goes on.
    """

    def __init__(
        self, store: Store, project: str, embed: Embed, days: int, keep: Callable[[], None]
    ) -> None:
        self._store = store
        self._project = project
        self._embed = embed
        self._days = days
        self._keep = keep
        self._known = read_topics(store, project)

    def count(self, hours: Sequence[int], last: int) -> None:
        """Counts the topics of hours anew; learns those of services that have none yet.

        Args:
            hours: since 1970, those that changed.
            last: the first hour that is not over.
        """
        there: set[tuple[str, str]] = set()
        for some in _runs(hours):
            texts = list(_texts(read_calls(self._store, self._project, some)))
            there |= {(each.service, each.metric) for each in texts}
            self._write([each for each in texts if (each.service, each.metric) in self._known])
            self._keep()
        unknown = sorted({service for service, _ in there - self._known.keys()})
        for service in unknown[: max(0, _SERVICES - len({each for each, _ in self._known}))]:
            self._learn(service, last)
        for service in sorted({service for service, _ in there & self._unlike(last)}):
            self._look_for_new(service, last)
        keep_topics(self._store, self._project)

    def _learn(self, service: str, last: int) -> None:
        hours = list(range(last - self._days * 24, last))
        before = last - _RECENT_H
        texts = self._read(service, hours)
        learned = False
        for metric in METRICS:
            own = [each for each in texts if each.metric == metric]
            # A change that is under way is not what is usual, unless there is nothing else.
            old = [each for each in own if each.hour < before]
            chosen = _evenly(old if len(old) >= LEAST else own)
            if (service, metric) in self._known or len(chosen) < LEAST:
                continue
            vectors = self._embed([each.text for each in chosen])
            found = learn_topics(
                vectors, [each.text for each in chosen],
                authors=[each.author for each in chosen],
            )  # fmt: skip
            if found is not None:
                write_topics(self._store, self._project, service, metric, found)
                self._known[service, metric] = found
                learned = True
            self._keep()
        if learned:
            self._write([each for each in texts if (service, each.metric) in self._known])

    def _unlike(self, last: int) -> set[tuple[str, str]]:
        """Services and metrics of which so many texts are of no topic that they may hold one.

        It was counted, so that texts are read again only there.
        """
        counted = counted_topics(self._store, self._project, last - _RECENT_H, last, NONE)
        return {
            key
            for key, (unlike, texts) in counted.items()
            # Of many services fewer texts of each were counted than are read of one.
            if key in self._known and unlike >= max(NEW_LEAST // 4, NEW_SHARE * texts)
        }

    def _look_for_new(self, service: str, last: int) -> None:
        texts: list[_Text] | None = None
        for metric in METRICS:
            known = self._known.get((service, metric))
            if known is None or len(known.topics) >= _MOST:
                continue
            if texts is None:
                texts = self._read(service, list(range(last - _RECENT_H, last)))
            own = [each for each in texts if each.metric == metric]
            vectors = self._embed([each.text for each in own])
            if assigned(known, vectors)[0].count(NONE) == 0:
                continue
            found = new_topic(
                known, vectors, [each.text for each in own],
                authors=[each.author for each in own],
            )  # fmt: skip
            if found is None:
                continue
            more = Topics((*known.topics, found), known.limit)
            write_topics(self._store, self._project, service, metric, more, first=len(known.topics))
            self._known[service, metric] = more
            self._write(own)
            self._keep()

    def _read(self, service: str, hours: Sequence[int]) -> list[_Text]:
        found: list[_Text] = []
        for some in _runs(hours):
            found += _texts(read_calls(self._store, self._project, some, service))
            self._keep()
        return found

    def _write(self, texts: Sequence[_Text]) -> None:
        by: dict[tuple[str, str, int], list[str]] = {}
        for each in texts:
            by.setdefault((each.service, each.metric, each.hour), []).append(each.text)
        write_topic_samples(
            self._store, self._project,
            {
                key: assigned(self._known[key[0], key[1]], self._embed(own))
                for key, own in by.items()
            },
        )  # fmt: skip


def _runs(hours: Sequence[int]) -> Iterator[list[int]]:
    """Hours in their order, some at a time."""
    ordered = sorted(hours)
    for at in range(0, len(ordered), _AT_ONCE):
        yield ordered[at : at + _AT_ONCE]


def _texts(calls: Sequence[Call]) -> Iterator[_Text]:
    for call in calls:
        exchange = exchange_of(call.span)
        said = (exchange.question, exchange.prose)
        for metric, text in zip(METRICS, said, strict=True):
            if text.strip():
                yield _Text(call.span.service, metric, call.hour, call.author, text[:_CHARACTERS])


def _evenly(texts: list[_Text]) -> list[_Text]:
    """At most so many as are learned from."""
    if len(texts) <= _LEARNED_FROM:
        return texts
    return [texts[n] for n in np.linspace(0, len(texts) - 1, _LEARNED_FROM).astype(int)]
