"""The files in `deploy/` are what their readers take, and name settings and commands that there are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from spanglass_collector.settings import PREFIX, Settings, load
from support.running import ROOT, environment

FOLDER = ROOT / "deploy"
#: Where the first key lies in the containers.
FIRST_KEY = "/var/lib/spanglass/first-key"


def check_settings(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that variables make; all of ours have to be known."""
    for name, value in environ.items():
        if name.startswith(PREFIX):
            assert name.removeprefix(PREFIX).lower() in Settings.model_fields, name
            monkeypatch.setenv(name, value)
    return load({})


def dockerfile() -> dict[str, str]:
    """The variables of the image."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    return dict(each.split("=", 1) for each in line.split())


def first_key_script(place: str) -> str:
    """What makes the first key, from the compose file or the manifests."""
    if place == "compose":
        services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
        return str(services["first-key"]["command"][0]).replace("$$", "$")
    return str(pod()["initContainers"][0]["command"][2])


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "kubernetes" / "spanglass.yaml").read_text()))


def pod() -> dict[str, Any]:
    (found,) = [each for each in manifests() if each["kind"] == "StatefulSet"]
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("kind", [each["kind"] for each in manifests()])
def test_kubernetes_takes_the_manifests(kind: str) -> None:
    for each in manifests():
        if each["kind"] == kind:
            kubernetes_validate.validate(each, "1.31", strict=True)
            broken = {**each, "spec": 1} if "spec" in each else {**each, "data": 1}
            with pytest.raises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(broken, "1.31", strict=True)


def test_the_manifests_fit_each_other(tmp_path: Path) -> None:
    by_kind = {each["kind"]: each for each in manifests()}
    workload, service = by_kind["StatefulSet"]["spec"], by_kind["Service"]["spec"]
    labels = workload["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert workload["selector"]["matchLabels"].items() <= labels.items()
    assert by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    spec = pod()
    (container,) = spec["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert {each["targetPort"]: each["port"] for each in service["ports"]} == ports
    assert {container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "readiness")} == {
        "web"
    }
    volumes = {each["name"] for each in spec["volumes"]} | {
        each["metadata"]["name"] for each in workload["volumeClaimTemplates"]
    }
    for each in (container, *spec["initContainers"]):
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes
    file = tmp_path / "spanglass.toml"
    file.write_text(by_kind["ConfigMap"]["data"][file.name])
    assert load({}, file).retention_days == 30
    assert container["args"] == ["serve", "--config", f"/etc/spanglass/{file.name}"]


def test_the_image_listens_where_the_others_say(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = check_settings(dockerfile(), monkeypatch)
    ports = [
        each.rpartition(":")[2] for each in (settings.otlp_grpc, settings.otlp_http, settings.web)
    ]
    text = (FOLDER / "Dockerfile").read_text()
    assert f"EXPOSE {' '.join(ports)}" in text
    assert f"'127.0.0.1', {ports[2]}" in text
    (container,) = pod()["containers"]
    assert [str(each["containerPort"]) for each in container["ports"]] == ports
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert [each.rpartition(":")[2] for each in services["spanglass"]["ports"]] == ports
    extras = re.findall(r"\[([a-z,]+)\]", text)
    known = (ROOT / "pyproject.toml").read_text()
    for extra in {each for listed in extras for each in listed.split(",") if "=" not in each}:
        assert re.search(rf"^{extra} = \[", known, re.MULTILINE), extra


def test_the_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    document = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    service = document["services"]["spanglass"]
    environ = {
        k: str(v).replace("${SPANGLASS_RETENTION_DAYS:-30}", "30")
        for k, v in service["environment"].items()
    }
    settings = check_settings(dockerfile() | environ, monkeypatch)
    mounts = {each.split(":")[1] for each in service["volumes"]}
    assert str(settings.backups) in mounts
    assert any(str(settings.data_dir).startswith(each) for each in mounts)
    assert {each.split(":")[0] for each in service["volumes"]} <= set(document["volumes"])
    assert set(service["depends_on"]) <= set(document["services"])
    assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["command"] == ["serve"]


def test_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER / "spanglass.service").read_text()
    environ = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    settings = check_settings(environ, monkeypatch)
    assert (
        settings.data_dir
        == Path("/var/lib") / re.findall(r"^StateDirectory=(.*)$", text, re.MULTILINE)[0]
    )
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing: it checks the unit")
    unit = tmp_path / "spanglass.service"
    unit.write_text(text.replace("/opt/spanglass/bin/spanglass", sys.executable))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "spanglass.service" in line]
    assert said == []


@pytest.mark.parametrize("place", ["compose", "kubernetes"])
def test_the_first_key_is_made_once(place: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "spanglass"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m spanglass_collector.cli "$@"\n')
    program.chmod(0o755)
    script = first_key_script(place).replace(FIRST_KEY, str(tmp_path / "first-key"))
    assert str(tmp_path) in script
    env = environment(
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
        SPANGLASS_DATA_DIR=str(tmp_path / "data"),
    )

    def run() -> str:
        subprocess.run(["sh", "-c", script], env=env, check=True, capture_output=True)
        return (tmp_path / "first-key").read_text()

    key = run()
    assert re.match(r"sg_admin_\S+", key.strip())
    assert (tmp_path / "first-key").stat().st_mode & 0o077 == 0
    assert run() == key
