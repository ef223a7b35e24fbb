"""The examples of setups name what there is."""

import configparser
import re
import shlex
from typing import Any

import yaml

from spanglass.gpu._options import PREFIX, resolve
from spanglass.gpu.command import parser
from support.running import ROOT

FOLDER = ROOT / "examples/gpu"


def settings_of(environ: dict[str, str]) -> Any:
    """The settings that variables make; all of the agent's have to be known."""
    found = resolve({}, environ=environ)
    for name in environ:
        if name.startswith(PREFIX):
            assert hasattr(found, name.removeprefix(PREFIX).lower()), name
    return found


def test_the_daemonset() -> None:
    document = yaml.safe_load((FOLDER / "daemonset.yaml").read_text())
    pod = document["spec"]["template"]
    assert document["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["hostPID"]
    (container,) = pod["spec"]["containers"]
    environ = {each["name"]: each.get("value", "x") for each in container["env"]}
    found = settings_of(environ)
    assert found.engines == ("http://127.0.0.1:8000",)
    (mount,) = container["volumeMounts"]
    assert mount["mountPath"] == found.buffer_dir


def test_the_unit() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = (FOLDER / "spanglass-agent.service").read_text()
    parser.read_string(text)
    environ = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    assert settings_of(environ).buffer_dir == "/var/lib/spanglass-agent"
    command = shlex.split(parser["Service"]["ExecStart"])
    assert command[1:] == ["agent"]


def test_the_compose_file() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    agent = services["agent"]
    assert agent["pid"] == "host"
    words = shlex.split(agent["command"][2])
    given = vars(parser().parse_args(words[words.index("agent") + 1 :]))
    given["gpu_hour_usd"] = "2"
    assert resolve(given, environ={}).engines == ("http://127.0.0.1:8000#gpus=0",)
