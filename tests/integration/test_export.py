"""What is exported, erased and imported again is there as it was; old files come in, cut ones go on."""

import gzip
import json
import re
import time
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.ingest.files import otlp_files
from spanglass_collector.ingest.forms import SPANS
from spanglass_collector.receivers import otlp_json
from spanglass_store.errors import StoreError
from spanglass_store.otlp.encode import any_value
from support import otlp, otlp_signals
from support.commands import Commands
from support.running import RunningService

#: One of each kind of value that an attribute can have.
VALUES: dict[str, Any] = {
    "text": "ü\n\"'\\", "empty": "", "int": -(2**62), "bool": True, "double": 1.0, "tiny": 5e-324,
    "inf": float("inf"), "bytes": b"\x00\xff", "none": None, "list": ["a", 1, 2.0, False, b"x"],
    "deep": {"$a": [{"b": [1.5, None]}], "c": {"d": {}}}, "nothing": [],
}  # fmt: skip


def sample(now: int) -> tuple[Any, Any]:
    """A trace with everything that a span can have, and logs."""
    trace = otlp.trace_id()
    root = otlp.span(
        "root", trace=trace, start=now, attrs=VALUES | {"user.id": "u", "spanglass.tags": ["x"]},
        error="broke", kind=Span.SPAN_KIND_SERVER,
        events=[
            otlp.event("plain", VALUES, time_unix_nano=now + 1),
            otlp.event("gen_ai.choice", {"message": "secret"}, time_unix_nano=now + 2),
        ],
        links=[Span.Link(trace_id=trace, span_id=b"12345678", trace_state="a=b", flags=1)],
    )  # fmt: skip
    root.trace_state, root.flags, root.dropped_attributes_count = "k=v", 257, 3
    chat = otlp.chat_span(
        trace=trace, parent=root.span_id, start=now + 5,
        attrs={"gen_ai.input.messages": '[{"role": "user"}]', "output.value": "answer",
               "gen_ai.system_instructions": "be kind", "gen_ai.response.id": "r1"},
    )  # fmt: skip
    other = otlp.span(
        "llm", trace=trace, parent=root.span_id, start=now + 9, duration=-5,
        attrs={"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 3,
               "llm.input_messages.0.message.role": "user",
               "llm.input_messages.0.message.content": "hi"},
    )  # fmt: skip
    scope = InstrumentationScope(name="openinference.x", version="2", attributes=[])
    scope.attributes.extend(otlp.attributes(VALUES))
    spans = otlp.request(root, chat, service="shop", resource=VALUES)
    spans.resource_spans[0].schema_url = "https://example.org/1"
    spans.resource_spans.append(otlp.resource_spans([other], "shop", scope=scope))
    at = {"time_unix_nano": now, "observed_time_unix_nano": now + 7}
    logs = otlp_signals.logs(
        otlp_signals.record("text", VALUES, trace_id=trace, **at),
        otlp_signals.record({"a": [1, {"b": 2.5}]}, severity_number=9, **at),
        otlp_signals.event("gen_ai.choice", root, {"said": "secret"}, **at),
    )
    return spans, logs


def rows(service: RunningService, project: str) -> dict[str, list[dict[str, Any]]]:
    """All that is kept of a project, but for when it came."""
    service.settle()
    # Prices are those of the day on which it comes.
    but = "EXCEPT (ingested_at, retention_days, payload_retention_days, price_revision)"
    return {
        "spans": service.sql(
            f"SELECT * {but} FROM spans WHERE project = {{p:String}} ORDER BY span_id", p=project
        ),
        "logs": service.sql(
            f"SELECT * {but} FROM logs WHERE project = {{p:String}} ORDER BY digest", p=project
        ),
        "traces": service.sql(
            "SELECT trace_id, root_name, spans, errors, total_tokens, user_id FROM traces"
            " WHERE project = {p:String}", p=project,
        ),
    }  # fmt: skip


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Where two sets of rows differ, and how."""
    return [
        (table, name, old.get(name), new.get(name))
        for table in before
        for old, new in zip_longest(before[table], after[table], fillvalue={})
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def test_what_is_exported_and_erased_comes_back(
    service: RunningService, cli: Commands, unique: str, tmp_path: Path
) -> None:
    run = cli.on(service.data_dir)
    now = time.time_ns() - 3600 * otlp.SECOND
    spans, logs = sample(now)
    (tmp_path / "traces.pb").write_bytes(spans.SerializeToString())
    (tmp_path / "logs.pb").write_bytes(logs.SerializeToString())
    for name in ("traces.pb", "logs.pb"):
        done = run("import", tmp_path / name, "--project", unique)
        assert done.returncode == 0, done.stderr
    before = rows(service, unique)
    assert [len(before[name]) for name in ("spans", "logs", "traces")] == [3, 3, 1]
    assert before["spans"][0]["service"] == "shop"

    for fmt in ("otlp", "otlp-json"):
        out = tmp_path / fmt
        done = run("export", out, "--format", fmt, "--project", unique)
        assert done.returncode == 0, done.stderr
        assert b"6 rows" in done.stderr
        # Cut off in the middle: what is whole stays, the rest is written.
        first, *others = sorted(path for path in out.rglob("*") if path.parent.name == unique)
        first.rename(first.with_name(first.name + ".part"))
        kept = {path: path.stat().st_mtime_ns for path in others}
        done = run("export", out, "--format", fmt, "--project", unique)
        assert b"1 files were written" in done.stderr
        assert {path: path.stat().st_mtime_ns for path in others} == kept
        assert run("export", out, "--format", fmt).returncode == 1, "that is another export"

        assert run("purge", "--project", unique, "--yes").returncode == 0
        assert rows(service, unique) == {"spans": [], "logs": [], "traces": []}
        progress = tmp_path / f"{fmt}.json"
        done = run("import", out, "--progress", progress)
        assert done.returncode == 0, done.stderr
        assert b"6 items were accepted, 0 rejected" in done.stderr
        different = differences(before, rows(service, unique))
        assert not different, "\n".join(map(str, different))
        # Once more: what is done is not sent again, and what is sent again is there once.
        assert b"0 items were accepted" in run("import", out, "--progress", progress).stderr
        progress.unlink()
        assert b"6 items were accepted" in run("import", out, "--progress", progress).stderr
        assert rows(service, unique) == before


def test_other_formats_are_for_other_programs(
    service: RunningService, cli: Commands, unique: str, tmp_path: Path
) -> None:
    run = cli.on(service.data_dir)
    service.send(otlp.request(otlp.span("one", attrs={"user.id": unique, "input.value": "said"})))
    service.settle()
    for fmt in ("jsonl", "parquet"):
        out = tmp_path / fmt
        done = run("export", out, "--format", fmt, "--what", "traces", "--user", unique)
        assert done.returncode == 0, done.stderr
        (path,) = (each for each in out.rglob("*") if each.parent.name == "default")
        if fmt == "jsonl":
            (row,) = map(json.loads, path.read_text().splitlines())
        else:
            (row,) = pq.read_table(path).to_pylist()
        assert row["user_id"] == unique
        assert row["input"] in ("said", b"said")
        done = run("import", out)
        assert done.returncode == 1
        assert b"--format otlp" in done.stderr
    for wrong in (("--format", "xml"), ("--what", "cats")):
        assert run("export", tmp_path / "x", *wrong).returncode == 2
    done = run("export", tmp_path / "x", "--what", "metrics")
    assert done.returncode == 0 or b"jsonl or parquet" in done.stderr
    hidden = service.api("GET", "/api/v1/export/traces/chunks", key="no key of anybody's")
    assert hidden.status_code in (200, 401)


def test_old_files_come_in(
    service: RunningService, cli: Commands, unique: str, tmp_path: Path
) -> None:
    """Years apart, more days than one insert may have, a bad one among them; kept from today on."""
    run = cli.on(service.data_dir)
    day = 86_400 * otlp.SECOND
    first = 1_420_070_400 * otlp.SECOND
    spans = [otlp.span(f"s{n}", start=first + n * 40 * day) for n in range(12)]
    bad = otlp.span("bad", id=b"1")
    lines = [json.dumps({"resourceSpans": [_json(one)]}) for one in [*spans[:4], bad, *spans[4:]]]
    path = tmp_path / "old.jsonl"
    path.write_text("\n".join(lines))
    progress = tmp_path / "progress.json"
    done = run("import", path, "--project", unique, "--progress", progress)
    assert done.returncode == 0, done.stderr
    assert b"12 items were accepted, 1 rejected" in done.stderr
    service.settle()
    kept = service.sql(
        "SELECT toDate(start_time) + retention_days AS until FROM spans"
        " WHERE project = {p:String}", p=unique,
    )  # fmt: skip
    assert len(kept) == 12
    # Otherwise the next merge would take them.
    today = service.one("SELECT today() AS d")["d"]
    assert all(row["until"] > today for row in kept)
    # It was cut after three; the rest is sent.
    state = json.loads(progress.read_text())
    (name,) = state
    state[name]["done"] = 3
    progress.write_text(json.dumps(state))
    done = run("import", path, "--project", unique, "--progress", progress)
    assert b"9 items were accepted" in done.stderr
    service.settle()
    assert service.one("SELECT count() AS n FROM spans WHERE project = {p:String}", p=unique) == {
        "n": 12
    }
    for text, why in (("{", "can't be read"), ("\xff", "can't be read"), ('{"a": 1}', "none of")):
        path.write_text(text)
        done = run("import", path)
        assert done.returncode == 1
        assert why in done.stderr.decode()
    answer = service.api("POST", "/api/v1/import/traces", content=b"\xff")
    assert answer.status_code == 400


def test_what_can_not_be_read_is_said_of_the_file(tmp_path: Path) -> None:
    """Each of these ended with a traceback, or with words about wire types."""
    path = tmp_path / "traces.json"
    for content, why in (
        (b'{"resourceSpans": 5}', "resourceSpans is no list"),
        (b'{"resourceSpans": null}', "resourceSpans is no list"),
        (b'{"resourceSpans": [5]}', "no OTLP trace request"),
        (b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        (gzip.compress(b"{}"), "gunzip"),
        (b"\x28\xb5\x2f\xfd...", "unzstd"),
        (b"PK\x03\x04...", "zip archive"),
        (b"PAR1...", "export it with --format otlp"),
        (b'\xef\xbb\xbf{"resourceSpans": []}', "byte order mark"),
        (b'[{"resourceSpans": []}]', "it is a list"),
    ):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=re.escape(why)) as error:
            list(otlp_files(path)[0].requests())
        assert str(path) in str(error.value)


def test_one_service_may_fill_a_large_file(tmp_path: Path) -> None:
    """A file of one resource is larger than a request of JSON may be; its spans are divided."""
    spans = [otlp.span(f"s{n}", attrs={"text": "x" * 5_000}) for n in range(2_000)]
    document = otlp_json.to_json(otlp.request(*spans, service="large").SerializeToString(), SPANS)
    path = tmp_path / "large.json"
    path.write_text(json.dumps(document))
    assert path.stat().st_size > otlp_json.MOST_BYTES
    found = [
        ExportTraceServiceRequest.FromString(body) for _, body in otlp_files(path)[0].requests()
    ]
    assert len(found) > 1
    assert [each.name for one in found for each in otlp.all_spans(one)] == [s.name for s in spans]
    for one in found:
        assert {each.value.string_value for each in one.resource_spans[0].resource.attributes} >= {
            "large"
        }


def test_a_span_that_can_not_be_read_is_rejected_alone(
    service: RunningService, cli: Commands, unique: str, tmp_path: Path
) -> None:
    good = _json(otlp.span("good"))
    good["scopeSpans"][0]["spans"].append({"traceId": "zz", "name": 5})
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps({"resourceSpans": [good]}))
    done = cli.on(service.data_dir)(
        "import", path, "--project", unique, "--progress", tmp_path / "p"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"1 items were accepted, 1 rejected" in done.stderr


def _json(one: Span) -> dict[str, Any]:
    return {
        "scopeSpans": [{"spans": [{
            "traceId": one.trace_id.hex(), "spanId": one.span_id.hex(), "name": one.name,
            "startTimeUnixNano": str(one.start_time_unix_nano),
            "endTimeUnixNano": str(one.end_time_unix_nano),
        }]}]
    }  # fmt: skip


def test_a_text_that_is_no_json_stays_one() -> None:
    assert any_value("[1, 2", "array").string_value == "[1, 2"


def test_a_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no file or folder"):
        otlp_files(tmp_path / "nothing")
