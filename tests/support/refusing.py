"""A store that refuses some spans for ever, so that they become dead letters."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from support.running import RunningService


@contextmanager
def refusing(service: RunningService) -> Iterator[None]:
    """As long as this lasts, ClickHouse takes no span by the name of bad."""
    with closing(service.owner()) as store:
        store.command("ALTER TABLE spanglass.spans ADD CONSTRAINT no_bad CHECK name != 'bad'")
    yield
    with closing(service.owner()) as store:
        store.command("ALTER TABLE spanglass.spans DROP CONSTRAINT no_bad")
