"""What ClickHouse says no to: what passes is waited for, what does not pass holds up nobody."""

from contextlib import closing
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chaos.sender import Sender
from chaos.victim import Victim, marks
from spanglass_store.client import OVERLOAD_CODES, TRANSIENT_CODES
from support import otlp
from support.external import ExternalServer
from support.waiting import wait_until

pytestmark = marks(300)


def test_table_is_away(tmp_path: Path) -> None:
    """An operator's mistake is not the spans' fault: none becomes a dead letter."""
    external = ExternalServer(tmp_path / "external")
    with external, closing(external.owner()) as owner:
        victim = Victim(tmp_path / "data", "--clickhouse", external.url)
        with victim, Sender(victim.door) as sender:
            wait_until(sender.more_than(1), "it takes spans")
            owner.command("DETACH TABLE spanglass.spans")
            wait_until(lambda: victim.retries() > 3, "inserts are tried again")
            owner.command("ATTACH TABLE spanglass.spans")
            sender.pause()
            victim.verify(sender, owner)
            assert set(sender.answers) == {200}, sender.answers


def test_batch_too_large_for_the_memory(tmp_path: Path) -> None:
    """It goes in in parts; the others do not wait for it."""
    victim = Victim(tmp_path / "data", "--store-memory-bytes", str(256 << 20))
    text, parts, spans = "x" * 1000, 50, 1000
    huge = ExportTraceServiceRequest()
    for _ in range(parts):
        many = [otlp.span(attrs={"text": text}) for _ in range(spans)]
        huge.resource_spans.append(otlp.resource_spans(many))
    with victim:
        victim.send(huge)
        with Sender(victim.door, rate=500) as sender:
            wait_until(sender.more_than(500), "it takes spans")
            sender.pause()
        account = victim.settle()
        assert victim.retries() >= 2, "the batch was not too large"
        assert account.dead_lettered == 0
        assert account.stored == parts * spans + len(sender.acknowledged)
        assert victim.one("SELECT count() AS n FROM spans")["n"] == account.stored


def test_dead_letters(tmp_path: Path) -> None:
    """Refused spans are alone in dead letters, once, also after a crash; and can come back."""
    external = ExternalServer(tmp_path / "external")
    poison = [otlp.span("poison") for _ in range(2)]
    fine = [otlp.span() for _ in range(9)]
    mixed = [*fine[:5], poison[0], *fine[5:], poison[1]]
    with external, closing(external.owner()) as owner:
        victim = Victim(tmp_path / "data", "--clickhouse", external.url)
        with victim:
            owner.command("ALTER TABLE spanglass.spans ADD CONSTRAINT c CHECK name != 'poison'")
            victim.stop()
            victim.launch("after_insert", count=1)
            victim.await_ready()
            victim.post(otlp.request(*mixed))
            victim.await_kill()
            victim.start()
            account = victim.settle()
            assert (account.dead_lettered, account.stored) == (len(poison), len(fine))
            victim.stop()
            letters = list((tmp_path / "data" / "dead-letters").glob("*.json"))
            assert len(letters) == len(poison)
            owner.command("ALTER TABLE spanglass.spans DROP CONSTRAINT c")
            done = victim.cli("dead-letters", "replay")
            assert done.returncode == 0, done
            victim.start()
            account = victim.settle()
            assert (account.dead_lettered, account.stored) == (0, len(mixed))
            assert not list((tmp_path / "data" / "dead-letters").iterdir())
            rows = owner.query("SELECT count(), uniqExact(span_id) FROM spanglass.spans FINAL").rows
            assert rows[0] == (len(mixed), len(mixed))


def test_killed_in_the_middle_of_a_search(tmp_path: Path) -> None:
    """It begins again: what was refused is kept once, what was not is stored once."""
    external = ExternalServer(tmp_path / "external")
    bad, good = 40, 25
    spans = [otlp.span("poison" if n < bad else "fine") for n in range(bad + good)]
    folder = tmp_path / "data" / "dead-letters"
    with external, closing(external.owner()) as owner:
        victim = Victim(tmp_path / "data", "--clickhouse", external.url)
        with victim:
            owner.command("ALTER TABLE spanglass.spans ADD CONSTRAINT c CHECK name != 'poison'")
            victim.send(otlp.request(*spans))
            for letters in (3, 12):
                wait_until(lambda n=letters: len(list(folder.glob("*.json"))) >= n)
                account = victim.account()
                assert account.holds
                assert account.dead_lettered in (0, bad)
                victim.kill()
                victim.start()
            account = victim.settle()
            assert (account.received, account.stored) == (bad + good, good)
            assert account.dead_lettered == bad
            assert len(list(folder.glob("*.json"))) == bad
            assert victim.one("SELECT count() AS n FROM spans")["n"] == good


def test_error_numbers(tmp_path: Path) -> None:
    """The numbers that are taken for passing troubles are errors that ClickHouse has."""
    with ExternalServer(tmp_path / "external") as external, closing(external.owner()) as owner:
        unknown = [
            code
            for code in sorted(TRANSIENT_CODES | OVERLOAD_CODES)
            if owner.query(f"SELECT errorCodeToName({code})").rows[0][0] == ""
        ]
    assert not unknown
