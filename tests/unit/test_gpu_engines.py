"""Engines' metrics in the common schema: tables, the reader of their text, resets, broken text."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from spanglass.gpu._points import Histogram, Reading
from spanglass.gpu.engines._exposition import number, sample, split
from spanglass.gpu.engines._mapping import Mapped, Mapping
from support.engines import BUCKETS, Exposition, vllm

SECOND = 1_000_000_000
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "}", "a } 1", 'x="y"', "# HELP", "\\n", " "]
)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda n: n[:2] != "__")
numbers = st.floats() | st.integers(-(10**15), 10**15).map(float)


@given(st.lists(st.tuples(texts, texts, numbers), min_size=1, max_size=8), names, names)
def test_it_reads_what_prometheus_client_reads(rows: Any, one: str, other: str) -> None:
    registry = CollectorRegistry()
    labels = list(dict.fromkeys([one, other]))
    gauge = Gauge("vllm:a", 'Help } with\n"all" \\ of it.', labels, registry=registry)
    for *values, value in rows:
        gauge.labels(*values[: len(labels)]).set(value)
    text = generate_latest(registry).decode()
    wanted = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    found = {}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        series, value = sample(line) or ("", "")
        name, read = split(series)
        found[name, tuple(sorted(read.items()))] = number(value)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == (None if math.isnan(value) else value)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_without_an_error(text: str) -> None:
    Mapping().map(f"vllm:x{text}\nvllm:num_requests_running{{{text}}} {text}\n", 1)


def read(text: str, time_ns: int = SECOND, mapping: Mapping | None = None, **more: Any) -> Mapped:
    return (mapping or Mapping()).map(text, time_ns, **more)


def values(mapped: Mapped) -> dict[str, Any]:
    """Values by name; of several series the name has the values of their attributes behind it."""
    out: dict[str, Any] = {}
    for each in mapped.readings:
        out.setdefault(each.metric.name, each.value)
        told = "/".join(
            str(v) for k, v in each.attributes if k.startswith(("engine.finish", "hw."))
        )
        out[f"{each.metric.name}/{told}"] = each.value
    return out


def one(mapped: Mapped, name: str) -> Reading:
    (found,) = [each for each in mapped.readings if each.metric.name == name]
    return found


@pytest.mark.parametrize("prefix", ["vllm:", "kserve_vllm:", "vllm_"])
def test_vllm(prefix: str) -> None:
    mapped = read(vllm(10, prefix).text())
    found = values(mapped)
    assert (mapped.engine, mapped.bad_lines) == ("vllm", 0)
    ttft = found["gen_ai.server.time_to_first_token"]
    assert ttft.bounds == BUCKETS
    assert (ttft.observed, ttft.total) == (10, pytest.approx(1.1))
    assert ttft.counts == (0, 0, 0, 1, 1, 1, 1, 1, 5) + (0,) * 14
    for name in ("gen_ai.server.request.duration", "gen_ai.server.time_per_output_token",
                 "engine.inter_token_latency", "engine.queue_time", "engine.prefill_time",
                 "engine.decode_time", "engine.iteration_tokens"):  # fmt: skip
        assert found[name].observed == 10, name
    assert found["engine.requests_running"] == found["engine.kv_cache_usage"] == 0.5
    assert found["engine.prompt_tokens"] == found["engine.generated_tokens"] == 1000
    assert found["engine.prefix_cache_hits"] == found["engine.spec_accepted"] == 1000
    assert found["engine.preemptions"] == found["engine.spec_steps"] == 1000
    assert found["engine.requests_finished/stop"] == 9
    assert found["engine.requests_finished/length"] == 1
    running = dict(one(mapped, "engine.requests_running").attributes)
    assert running == {"gen_ai.request.model": "m/large", "engine.rank": "0"}
    assert mapped.facts == {
        "engine.kv_cache_block_size": "16", "engine.kv_cache_blocks": "27000",
        "engine.kv_cache_dtype": "fp8",
    }  # fmt: skip


def test_older_names_count_where_the_current_are_missing() -> None:
    old = Exposition("vllm:", {"model_name": "m"})
    old.gauge("gpu_cache_usage_perc", 0.25).histogram("time_per_output_token_seconds", [0.1])
    found = values(read(old.text()))
    assert found["engine.kv_cache_usage"] == 0.25
    assert found["engine.inter_token_latency"].observed == 1
    both = old.gauge("kv_cache_usage_perc", 0.75).histogram(
        "inter_token_latency_seconds", [0.1] * 3
    )
    found = values(read(both.text()))
    assert found["engine.kv_cache_usage"] == 0.75
    assert found["engine.inter_token_latency"].observed == 3
    # Whatever stands first in the text.
    turned = "\n".join(sorted(both.text().splitlines(), reverse=True)) + "\n"
    assert values(read(turned))["engine.kv_cache_usage"] == 0.75


def test_sglang() -> None:
    made = Exposition("sglang:", {"model_name": "m", "engine_type": "unified"})
    made.gauge("num_running_reqs", 7, tp_rank="0").gauge("token_usage", 0.4, tp_rank="0")
    made.gauge("max_total_num_tokens", 90000).counter("cached_tokens", 30, cache_source="device")
    made.counter("prompt_tokens", 100).histogram("queue_time_seconds", [0.5])
    made.counter("num_requests", 5, is_streaming="true").counter("num_aborted_requests", 1)
    made.gauge("spec_accept_length", 2.5)
    mapped = read(made.text())
    found = values(mapped)
    assert mapped.engine == "sglang"
    assert found["engine.requests_running"] == found["engine.batch_size"] == 7
    assert found["engine.kv_cache_usage"] == 0.4
    assert (found["engine.prefix_cache_hits"], found["engine.prefix_cache_queries"]) == (30, 100)
    assert found["engine.queue_time"].observed == 1
    assert found["engine.requests_finished/abort"] == 1
    assert found["engine.spec_acceptance_length"] == 2.5
    assert dict(one(mapped, "engine.requests_running").attributes)["engine.tp_rank"] == "0"


def test_tgi() -> None:
    made = Exposition("tgi_")
    made.gauge("queue_size", 3).gauge("batch_current_size", 8)
    made.histogram("request_duration", [1.0, 2.0]).histogram("request_generated_tokens", [50, 70])
    made.histogram("request_input_length", [10, 30])
    made.histogram("batch_inference_duration", [0.2] * 3, method="prefill")
    made.histogram("batch_inference_duration", [0.1] * 4, method="decode")
    # It writes counters without `_total`.
    text = made.text() + 'tgi_request_failure{err="overloaded"} 2\ntgi_request_success 5\n'
    mapped = read(text)
    found = values(mapped)
    assert mapped.engine == "tgi"
    assert (found["engine.requests_waiting"], found["engine.requests_running"]) == (3, 8)
    assert found["gen_ai.server.request.duration"].observed == 2
    assert (found["engine.prompt_tokens"], found["engine.generated_tokens"]) == (40, 120)
    assert (found["engine.prefill_time"].observed, found["engine.decode_time"].observed) == (3, 4)
    assert found["engine.requests_finished/error"] == 2
    assert found["engine.requests_finished/success"] == 5


def test_trtllm_serve_with_and_without_its_prefix() -> None:
    made = Exposition("trtllm_", {"model_name": "m", "engine_type": "undefined"})
    made.histogram("time_to_first_token_seconds", [0.1]).gauge("kv_cache_utilization", 0.6)
    made.counter("request_success", 4, finished_reason="stop")
    made.counter("request_error", 1, http_code="500")
    mapped = read(made.text())
    found = values(mapped)
    assert mapped.engine == "trtllm"
    assert found["engine.kv_cache_usage"] == 0.6
    assert found["engine.requests_finished/stop"] == 4
    assert found["engine.requests_finished/error"] == 1
    older = Exposition("", {"model_name": "m"})
    for name in ("e2e_request_latency_seconds", "time_to_first_token_seconds",
                 "time_per_output_token_seconds", "request_queue_time_seconds"):  # fmt: skip
        older.histogram(name, [0.5])
    older.counter("request_success", 1, finished_reason="stop")
    mapping = Mapping()
    mapping.map(older.text(), SECOND)
    found = values(mapping.map(older.text(), 2 * SECOND))
    assert found["gen_ai.server.time_to_first_token"].observed == 1
    assert found["engine.requests_finished/stop"] == 1


def test_triton_with_the_tensorrt_llm_backend() -> None:
    text = """# TYPE nv_inference_request_success counter
nv_inference_request_success{model="ensemble",version="1"} 12
nv_inference_request_duration_us{model="ensemble",version="1"} 2500000
nv_inference_queue_duration_us{model="ensemble",version="1"} 500000
nv_inference_first_response_histogram_ms_count{model="ensemble",version="1"} 3
nv_inference_first_response_histogram_ms_sum{model="ensemble",version="1"} 600
nv_inference_first_response_histogram_ms_bucket{model="ensemble",version="1",le="100"} 1
nv_inference_first_response_histogram_ms_bucket{model="ensemble",version="1",le="500"} 3
nv_inference_first_response_histogram_ms_bucket{model="ensemble",version="1",le="+Inf"} 3
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} 6
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 2
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="tensorrt_llm",version="1"} 0.3
nv_gpu_power_usage{gpu_uuid="GPU-a"} 310.5
nv_energy_consumption{gpu_uuid="GPU-a"} 1234.5
"""
    found = values(read(text))
    assert found["gen_ai.server.time_to_first_token"] == Histogram(3, 0.6, (0.1, 0.5), (1, 2, 0))
    assert (found["engine.request_seconds"], found["engine.queue_seconds"]) == (2.5, 0.5)
    assert (found["engine.requests_running"], found["engine.requests_waiting"]) == (6, 2)
    assert found["engine.kv_cache_usage"] == 0.3
    assert (found["hw.power"], found["hw.energy"]) == (310.5, 1234.5)
    # What NVML says of the same board goes first.
    assert "hw.power" not in values(read(text, boards={"GPU-a"}))


def test_llama_cpp() -> None:
    text = """# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
llamacpp:prompt_tokens_total 500
llamacpp:prompt_seconds_total 1.5
llamacpp:tokens_predicted_total 200
llamacpp:tokens_predicted_seconds_total 4
llamacpp:requests_processing 2
llamacpp:requests_deferred 1
"""
    mapped = read(text)
    found = values(mapped)
    assert mapped.engine == "llama.cpp"
    assert (found["engine.prompt_tokens"], found["engine.generated_tokens"]) == (500, 200)
    assert (found["engine.prefill_seconds"], found["engine.decode_seconds"]) == (1.5, 4)
    assert (found["engine.requests_running"], found["engine.requests_waiting"]) == (2, 1)


def test_the_dcgm_exporter() -> None:
    about = 'gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA H100",Hostname="n1",pod="p"'
    text = "".join(
        f"DCGM_FI_{name}{{{about}}} {value}\n"
        for name, value in (
            ("DEV_GPU_UTIL", 80), ("DEV_FB_USED", 1000), ("DEV_FB_FREE", 3000),
            ("DEV_FB_RESERVED", 96), ("DEV_POWER_USAGE", 412.5),
            ("DEV_TOTAL_ENERGY_CONSUMPTION", 9_000_000), ("DEV_MEMORY_TEMP", 77),
            ("PROF_PIPE_TENSOR_ACTIVE", 0.42), ("PROF_DRAM_ACTIVE", 0.6),
        )
    )  # fmt: skip
    mapped = read(text)
    found = values(mapped)
    assert mapped.engine == "dcgm-exporter"
    assert found["hw.gpu.utilization"] == 0.8
    assert found["hw.gpu.memory.usage"] == 1000 << 20
    assert found["hw.gpu.memory.limit"] == 4096 << 20
    assert (found["hw.energy"], found["hw.power"], found["hw.temperature"]) == (9000, 412.5, 77)
    assert found["hw.gpu.memory_bandwidth.utilization"] == 0.6
    attributes = dict(one(mapped, "hw.power").attributes)
    assert attributes["hw.id"] == "GPU-a"
    assert attributes["k8s.pod.name"] == "p"
    beside = values(read(text, boards={"GPU-a"}))
    assert "hw.power" not in beside
    assert beside["hw.gpu.tensor_active"] == 0.42


def test_counters_that_begin_anew() -> None:
    mapping = Mapping()
    first = mapping.map(vllm(10).text(), 1 * SECOND)
    second = mapping.map(vllm(20).text(), 2 * SECOND)
    third = mapping.map(vllm(5).text() + "process_start_time_seconds 2.5\n", 3 * SECOND)
    assert not first.resets
    assert not second.resets
    assert third.resets
    for name in ("engine.prompt_tokens", "gen_ai.server.time_to_first_token"):
        starts = [one(each, name).start_ns for each in (first, second, third)]
        assert starts == [0, 0, 2.5 * SECOND], name


def test_broken_text_costs_only_what_is_broken() -> None:
    good = vllm(10).text()
    mapping = Mapping()
    cut = mapping.map(good[: good.index("vllm:prompt_tokens_total") + 60], SECOND)
    assert cut.bad_lines == 1
    assert "engine.prompt_tokens" not in values(cut)
    assert values(cut)["gen_ai.server.time_to_first_token"].observed == 10
    nan = re.sub(r"(vllm:num_requests_running\{.*\}) .*", r"\1 NaN", good)
    assert "engine.requests_running" not in values(read(nan))
    assert read(nan).bad_lines == 0
    # A histogram that lost its last bucket, or whose buckets fall, is none.
    for broken in (
        re.sub(r"vllm:time_to_first_token_seconds_bucket\{.*\+Inf.*\n", "", good),
        re.sub(r'(vllm:time_to_first_token_seconds_bucket\{.*le="0.04".*\}) .*', r"\1 99", good),
    ):
        found = values(read(broken))
        assert "gen_ai.server.time_to_first_token" not in found
        assert found["engine.queue_time"].observed == 10
    assert read("this is\nno metric at all\n").engine == ""
    assert read("vllm:renamed_everything 1\n").readings == []
