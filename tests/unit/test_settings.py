"""One table of settings: flags over environment over file, and errors that name the place."""

import json
import os
import re
from contextlib import closing
from inspect import getsource
from pathlib import Path

import pytest

from spanglass_collector.settings import (
    PREFIX,
    Settings,
    SettingsError,
    join_address,
    load,
    split_address,
)
from spanglass_store.retention.policy import Retention
from spanglass_store.state.database import Database
from spanglass_store.state.retention import RetentionBook


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def file(text: str, name: str = "spanglass.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_defaults_are_those_of_the_contract() -> None:
    settings = load({})
    assert settings.otlp_grpc == "127.0.0.1:4317"
    assert settings.otlp_http == "127.0.0.1:4318"
    assert settings.web == "127.0.0.1:8400"
    assert settings.role_set == {"ingest", "jobs", "web"}


def test_flag_beats_environment_beats_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file('web = "127.0.0.1:1"\notlp_http = "127.0.0.1:2"\notlp_grpc = "127.0.0.1:3"\nwriters = 4')
    monkeypatch.setenv("SPANGLASS_WEB", "127.0.0.1:10")
    monkeypatch.setenv("SPANGLASS_OTLP_HTTP", "127.0.0.1:20")
    settings = load({"web": "127.0.0.1:100", "otlp_http": None})
    assert settings.web == "127.0.0.1:100"
    assert settings.otlp_http == "127.0.0.1:20"
    assert settings.otlp_grpc == "127.0.0.1:3"
    assert settings.writers == 4


def test_the_file_can_be_named() -> None:
    file("writers = 3")
    other = file("writers = 7", "other.toml")
    assert load({}).writers == 3
    assert load({}, other).writers == 7


#: Settings that are tables in the file, and JSON anywhere else.
TABLES = {
    "detect": ({"pii": {"sample": 0.5}}, "[detect.pii]\nsample = 0.5\n"),
    "drift": ({"least": 80}, "[drift]\nleast = 80\n"),
    "oidc_roles": ({"ops": {"*": "admin"}}, "[oidc_roles.ops]\n'*' = 'admin'\n"),
    "redact": ({"action": "mask"}, "[redact]\naction = 'mask'\n"),
    "quotas": ({"*": {"items_per_s": 5}}, '[quotas."*"]\nitems_per_s = 5\n'),
    "retention": ({"shop": {"spans_days": 3}}, "[retention.shop]\nspans_days = 3\n"),
}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, text = TABLES[name]
    monkeypatch.setenv(PREFIX + name.upper(), json.dumps(value))
    assert getattr(load({}), name) == value
    assert getattr(load({name: json.dumps(value)}), name) == value
    monkeypatch.delenv(PREFIX + name.upper())
    file(text)
    assert getattr(load({}), name) == value
    assert Settings.model_fields[name].description, "help for it"


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - set(TABLES)))
def test_every_setting_is_a_variable_and_a_key_in_the_file(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = getattr(load({}), name)
    others = {
        "data_dir": "/elsewhere", "clickhouse": "http://h:1/d", "state": "sqlite:///x.db",
        "otlp_grpc": "127.0.0.1:9", "otlp_http": "127.0.0.1:9", "web": "127.0.0.1:9",
        "roles": "web", "log_level": "debug", "feedback_secret": "0123456789abcdef",
        "feedback_secret_before": "0123456789abcdef",
        "prices": "prices.toml", "alerts": "shipped", "public_url": "https://host",
        "alerts_private_networks": "10.0.0.0/8", "backup_dir": "/backups",
        "tls_cert": "tls.pem", "tls_key": "tls.key", "forward_to": "https://host:4318",
        "oidc_issuer": "https://login", "oidc_client_id": "us", "oidc_client_secret": "secret",
        "oidc_name": "Example ID", "oidc_scopes": "openid", "oidc_roles_claim": "roles",
        "oidc_private_networks": "10.0.0.0/8",
        "forward_headers": "api-key=k", "forward_private_networks": "10.0.0.0/8",
    }  # fmt: skip
    value = others[name] if name in others else default + 1
    monkeypatch.setenv(PREFIX + name.upper(), str(value))
    assert str(getattr(load({}), name)) == str(value)
    monkeypatch.delenv(PREFIX + name.upper())
    file(f"{name} = {value!r}")
    assert str(getattr(load({}), name)) == str(value)
    assert Settings.model_fields[name].description, "help for it"


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^--web 'nowhere': should look like 127\.0\.0\.1"):
        load({"web": "nowhere"})


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANGLASS_RETENTION_DAYS", "-1")
    with pytest.raises(SettingsError, match="^SPANGLASS_RETENTION_DAYS '-1': .*greater"):
        load({})


def test_a_wrong_entry_of_the_file_is_named_with_the_file() -> None:
    file("retention_days = 'long'")
    with pytest.raises(
        SettingsError, match=r"^retention_days in spanglass\.toml 'long': .*integer"
    ):
        load({})


def test_an_unknown_entry_of_the_file_is_named_with_the_file() -> None:
    file("retained = 3")
    with pytest.raises(SettingsError, match=r"^spanglass\.toml: there is no setting 'retained'"):
        load({})


@pytest.mark.parametrize("text", ["web =", "[section", "\x00", "web = 'a'\nweb = 'b'"])
def test_a_file_that_is_no_toml_is_named(text: str) -> None:
    file(text)
    with pytest.raises(SettingsError, match=r"^spanglass\.toml can't be read: "):
        load({})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^There is no file gone\.toml\."):
        load({}, Path("gone.toml"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "spanglass.toml").write_bytes(b"\xff\xfe web")
    with pytest.raises(SettingsError, match=r"^spanglass\.toml can't be read: "):
        load({})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"roles": "web,mining"}, "--roles 'web,mining': 'mining' is no role"),
        ({"roles": ""}, "--roles '': '' is no role"),
        ({"log_level": "loud"}, "--log-level 'loud': "),
        ({"max_body_bytes": 1}, "--max-body-bytes 1: "),
        ({"segment_age_ms": 10**9}, "--segment-age-ms 1000000000: "),
        ({"otlp_grpc": "127.0.0.1:99999"}, "--otlp-grpc '127.0.0.1:99999': "),
        ({"otlp_grpc": ":4317"}, "--otlp-grpc ':4317': "),
        ({"otlp_http": "4318"}, "--otlp-http '4318': "),
        ({"writers": 0}, "--writers 0: "),
    ],
)
def test_wrong_values_say_what_is_wrong(flags: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags)
    message = str(caught.value)
    assert message.startswith(said)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("address", "split"),
    [
        ("127.0.0.1:4318", ("127.0.0.1", 4318)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_addresses(address: str, split: tuple[str, int]) -> None:
    assert split_address(address) == split
    assert join_address(*split) == address


def test_a_secret_that_is_too_short_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="needs 16 characters") as raised:
        load({"feedback_secret": "swordfish"})
    assert "swordfish" not in str(raised.value)


def test_what_is_set_reaches_what_it_is_for(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    days = {"retention_days": 30, "payload_retention_days": 5, "metrics_retention_days": 400}
    with closing(database):
        book = load(days).retention_book(database)
        assert isinstance(book, RetentionBook)
        assert book.of("any") == Retention(30, 5, 400)
    forwarder = load({"forward_to": "http://h:1", "forward_bytes": 1 << 20}).forwarder()
    assert forwarder is not None
    for _ in range(3):
        forwarder.offer("traces", [b"x" * 500_000], 1)
    assert (forwarder.waiting, forwarder.lost["traces", "full"]) == (1_000_000, 1)


def test_every_setting_is_tried() -> None:
    """By a test that sets it, beside those here that read each of them."""
    folder = Path(__file__).parents[1]
    paths = [
        *folder.rglob("test_*.py"),
        *folder.glob("**/conftest.py"),
        *folder.glob("support/*.py"),
    ]
    texts = [path.read_text() for path in paths if path != Path(__file__)]
    words = set(
        re.findall(r"[\w-]+", "\n".join(texts) + getsource(test_what_is_set_reaches_what_it_is_for))
    )
    assert [
        name
        for name in Settings.model_fields
        if not words & {name, f"--{name.replace('_', '-')}", PREFIX + name.upper()}
    ] == []
