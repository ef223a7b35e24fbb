"""The table of settings: where a value comes from, and what happens to one that is no good."""

import dataclasses
import inspect
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest

import spanglass
from spanglass._runtime import Runtime
from spanglass._settings import Settings, resolve
from spanglass.testing import CapturedSpans


def test_the_arguments_of_init_are_the_table() -> None:
    parameters = inspect.signature(spanglass.init).parameters
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert set(parameters) == fields
    documented = inspect.getdoc(spanglass.init) or ""
    for name in fields:
        assert f"    {name}: " in documented, name


def test_every_setting_says_what_it_means() -> None:
    for field in dataclasses.fields(Settings):
        assert len(field.metadata["about"]) > 10, field.name


def test_what_is_given_goes_before_the_environment_and_that_before_the_default() -> None:
    environ = {"SPANGLASS_SERVICE": "ours", "OTEL_SERVICE_NAME": "theirs"}
    assert resolve({"service": "given"}, environ).service == "given"
    assert resolve({"service": None}, environ).service == "ours"
    assert resolve({}, {"OTEL_SERVICE_NAME": "theirs"}).service == "theirs"
    assert resolve({}, {}).service == ""


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ({}, {}, "http://127.0.0.1:4318/v1/traces"),
        ({"endpoint": "http://h:1"}, {}, "http://h:1/v1/traces"),
        ({"endpoint": "http://h:1/"}, {}, "http://h:1/v1/traces"),
        ({"endpoint": "http://h:1/v1/traces"}, {}, "http://h:1/v1/traces"),
        ({"endpoint": "https://h/base"}, {}, "https://h/base/v1/traces"),
        ({"endpoint": "h:1"}, {}, "http://h:1/v1/traces"),
        ({"endpoint": "[::1]:1"}, {}, "http://[::1]:1/v1/traces"),
        ({}, {"SPANGLASS_ENDPOINT": "http://s:1"}, "http://s:1/v1/traces"),
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://o:1"}, "http://o:1/v1/traces"),
        (
            {},
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://o:1",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x",
            },
            "http://t:1/x",
        ),
        (
            {},
            {"SPANGLASS_ENDPOINT": "http://s:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t"},
            "http://s:1/v1/traces",
        ),
    ],
)
def test_endpoints(given: dict[str, Any], environ: dict[str, str], expected: str) -> None:
    assert resolve(given, environ).endpoint == expected


@pytest.mark.parametrize("endpoint", ["ftp://h", "http://", "http://h:port", "not a url", "", 7])
def test_an_endpoint_that_is_none_is_named_and_the_next_holds(
    endpoint: Any, caplog: pytest.LogCaptureFixture
) -> None:
    found = resolve({"endpoint": endpoint}, {"SPANGLASS_ENDPOINT": "http://next:1"})
    assert found.endpoint == "http://next:1/v1/traces"
    assert "endpoint= cannot be used" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SPANGLASS_MAX_QUEUE_SPANS", "many"),
        ("SPANGLASS_MAX_QUEUE_SPANS", "-3"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("SPANGLASS_TIMEOUT_S", "nan"),
        ("SPANGLASS_CAPTURE_CONTENT", "perhaps"),
        ("SPANGLASS_COMPRESSION", "lzma"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(
    name: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = name != "SPANGLASS_CAPTURE_CONTENT"  # what cannot be read lets nothing out
    assert resolve({}, {name: text}) == Settings(capture_content=content)
    assert name in caplog.text


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_what_no_setting_can_be_is_refused_in_words(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    default = getattr(Settings(), name)
    for value in (object(), [1], b"x", 5, -1, math.inf, "", "http://h:port"):
        caplog.clear()
        found = getattr(resolve({name: value}, {}), name)
        refused = [each for each in caplog.messages if f"{name}= cannot be used" in each]
        assert len(refused) <= 1
        if refused:
            assert "it should " in refused[0] or "port" in refused[0].lower()
            assert found == default or (name, found) == ("capture_content", False)
        else:
            assert type(found) is type(default) or name == "capture_content"


def test_folders_may_be_paths() -> None:
    found = resolve({"spill_dir": Path("a/b"), "prompt_dir": Path("c")}, {})
    assert (found.spill_dir, found.prompt_dir) == (str(Path("a/b")), "c")


def test_opentelemetrys_variables_keep_their_meaning() -> None:
    found = resolve(
        {},
        {
            "OTEL_BSP_SCHEDULE_DELAY": "250",
            "OTEL_BSP_MAX_QUEUE_SIZE": "7",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "3",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b,authorization=Basic%20abc",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
            "OTEL_SDK_DISABLED": "true",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
        },
    )
    assert (found.export_delay_s, found.max_queue_spans, found.max_batch_spans) == (0.25, 7, 3)
    assert (found.timeout_s, found.compression, found.certificate) == (2.5, "gzip", "/ca.pem")
    assert found.headers == {"x-team": "a b", "authorization": "Basic abc"}
    assert found.disabled
    assert not found.capture_content


def test_credentials_for_one_endpoint_are_not_sent_to_another() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://vendor.example",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=vendors",
    }
    assert resolve({}, environ).headers == {"api-key": "vendors"}
    assert resolve({"endpoint": "http://h:1"}, environ).headers == {}
    assert resolve({}, {**environ, "SPANGLASS_ENDPOINT": "http://h:1"}).headers == {}
    given = {"endpoint": "http://h:1", "headers": {"x": "y"}}
    assert resolve(given, environ).headers == {"x": "y"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "http://127.0.0.1:8400"),
        ({"endpoint": "https://obs.example:4318"}, "https://obs.example:8400"),
        ({"endpoint": "http://[::1]:4318"}, "http://[::1]:8400"),
        ({"web_url": "https://web.example/base/"}, "https://web.example/base"),
    ],
)
def test_where_people_read(given: dict[str, Any], expected: str) -> None:
    assert resolve(given, {}).web == expected


def resource(given: dict[str, Any]) -> dict[str, Any]:
    return dict(Runtime(resolve(given, {}), CapturedSpans()).provider.resource.attributes)


def test_what_sends_describes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=search,service.name=from-env")
    found = resource(
        {
            "service": "assistant",
            "environment": "production",
            "release": "1.2",
            "resource_attributes": {"region": "north"},
            "sample_data": True,
        }
    )
    for key, value in {
        "service.name": "assistant",
        "service.version": "1.2",
        "deployment.environment.name": "production",
        "region": "north",
        "team": "search",
        "spanglass.sample_data": True,
        "telemetry.distro.name": "spanglass",
    }.items():
        assert found[key] == value
    assert resource({})["service.name"] == "from-env"
    assert "spanglass.sample_data" not in resource({})


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/opt/app/assistant.py"], "assistant"),
        (["/opt/app/shop/__main__.py"], "shop"),
        (["-c"], "unknown_service"),
        ([""], "unknown_service"),
    ],
)
def test_a_service_without_a_name_has_its_programs(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], name: str
) -> None:
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    monkeypatch.setattr("sys.argv", argv)
    assert resource({})["service.name"] == name


def test_the_version_is_the_distributions() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["version"] == spanglass.__version__


def test_public_names_can_be_imported() -> None:
    for name in spanglass.__all__:
        assert getattr(spanglass, name) is not None
    with pytest.raises(AttributeError):
        _ = spanglass.nothing_of_the_kind
