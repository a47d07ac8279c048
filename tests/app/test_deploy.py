"""What is in deploy/ could not be run here: each file is parsed, by its own tool where there is one, and names only settings and metrics that there are."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from millrace_server import BINARY

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"


def table(name, pattern):
    return set(re.findall(pattern, (ROOT / "src/base" / name).read_text(), re.M))


METRICS = table("metrics_table.inc", r'^MR_METRIC\(\w+, \w+, "(\w+)"')
SETTINGS = {"MILLRACE_" + member.upper() for member in table("settings_table.inc", r"^MR_SETTING\(\w+, (\w+),")} | {"MILLRACE_BOOTSTRAP_KEY", "MILLRACE_FEED_KEY"}
# Of the secrets that the manifest names.
SECRET = {"MILLRACE_BOOTSTRAP_KEY": "long-enough-for-a-secret"}
VALUES = {"millrace-store": "http://user:password@clickhouse:8123/millrace", "millrace-feed": "another-one-that-is-long-enough"}


def compose():
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


def manifests():
    return [one for one in yaml.safe_load_all((DEPLOY / "kubernetes/millrace.yaml").read_text()) if one]


def unknown_metrics(text):
    return set(re.findall(r"\bmillrace_\w+", text)) - METRICS


def check_settings(environment):
    """The program itself takes them."""
    assert set(environment) <= SETTINGS, set(environment) - SETTINGS
    done = subprocess.run([BINARY, "config", "check"], env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_has_the_services_and_each_mount_volume_and_dependency_that_it_names():
    file = compose()
    services = file["services"]
    roles = [one["environment"].get("MILLRACE_ROLES") for one in services.values() if one.get("image") == "millrace:local"]
    assert sorted(roles) == ["ingest", "ingest", "process", "process", "query"]
    assert {"kafka-1", "kafka-2", "kafka-3", "clickhouse", "prometheus", "grafana"} <= set(services)
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
        assert all(isinstance(value, str) for value in service.get("environment", {}).values()), f"{name}: not text"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (COMPOSE / source).exists() if source.startswith((".", "/")) else source in file["volumes"], f"{name}: {mount}"


def test_composes_own_tool_takes_the_file():
    tool = shutil.which("docker-compose") or shutil.which("docker")
    words = [tool] if tool and tool.endswith("compose") else [tool, "compose"]
    if tool is None or subprocess.run([*words, "version"], capture_output=True).returncode != 0:
        pytest.skip("THE COMPOSE FILE WAS NOT TRIED BY ITS OWN TOOL: no docker compose")
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "MILLRACE_KEY": "k", "MILLRACE_FEED_KEY": "f", "CLICKHOUSE_PASSWORD": "p", "GRAFANA_PASSWORD": "g"}
    done = subprocess.run([*words, "-f", COMPOSE / "compose.yaml", "config", "-q"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_millrace_takes_the_settings_of_the_compose_file():
    for service in compose()["services"].values():
        environment = {name: re.sub(r"\$\{\w+[^}]*\}", "long-enough-for-a-secret", value) for name, value in service.get("environment", {}).items()}
        if service["image"] == "millrace:local":
            check_settings(environment)


def test_the_kubernetes_manifest_is_whole_and_millrace_takes_its_settings():
    objects = manifests()
    assert all({"apiVersion", "kind", "metadata"} <= set(one) for one in objects)
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    assert len(names) == len(objects)
    shared = next(one["data"] for one in objects if one["kind"] == "ConfigMap")
    roles = []
    for one in (one for one in objects if one["kind"] == "StatefulSet"):
        spec, template = one["spec"], one["spec"]["template"]
        assert ("Service", spec["serviceName"]) in names
        assert spec["selector"]["matchLabels"] == template["metadata"]["labels"]
        container, = template["spec"]["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
        assert {("ConfigMap", source["configMapRef"]["name"]) for source in container["envFrom"] if "configMapRef" in source} <= names
        own = {entry["name"]: entry.get("value") or VALUES[entry["valueFrom"]["secretKeyRef"]["name"]] for entry in container["env"]}
        check_settings({**shared, **SECRET, **own})
        feed = {"process": "MILLRACE_FEED_KEY", "query": "MILLRACE_QUERY_PROCESSORS_KEY"}.get(own["MILLRACE_ROLES"])
        assert {name for name, value in own.items() if value == VALUES["millrace-feed"]} == ({feed} if feed else set())
        roles.append(own["MILLRACE_ROLES"])
    for one in (one for one in objects if one["kind"] == "Service"):
        assert one["spec"]["selector"] == one["metadata"]["labels"]
    assert sorted(roles) == ["ingest", "process", "query"]


def test_each_metric_of_the_alerts_and_of_the_dashboard_exists_and_what_matters_is_watched():
    alerts = (COMPOSE / "alerts.yml").read_text()
    assert unknown_metrics(alerts) == set()
    rules = yaml.safe_load(alerts)["groups"][0]["rules"]
    assert all(rule["alert"] and rule["expr"] and rule["annotations"]["summary"] for rule in rules)
    watched = {rule["alert"] for rule in rules}
    assert {"MillraceLag", "MillraceWriteAmplification", "MillraceFailedEvents", "DiskFree", "MillraceKafkaUnavailable"} <= watched
    dashboard = json.loads((COMPOSE / "grafana/millrace.json").read_text())
    assert unknown_metrics(json.dumps([panel["targets"] for panel in dashboard["panels"]])) == set()
    sources = yaml.safe_load((COMPOSE / "grafana/datasources.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {one["uid"] for one in sources}
    assert yaml.safe_load((COMPOSE / "grafana/dashboards.yml").read_text())["providers"]
    config = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
    services = compose()["services"]
    for job in config["scrape_configs"]:
        for target in (target for group in job["static_configs"] for target in group["targets"]):
            assert target.split(":")[0] in services, target


def test_prometheus_own_tool_takes_its_files():
    if shutil.which("promtool") is None:
        pytest.skip("PROMETHEUS' FILES WERE NOT TRIED BY ITS OWN TOOL: no promtool")
    done = subprocess.run(["promtool", "check", "config", COMPOSE / "prometheus.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_takes_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("THE UNIT WAS NOT TRIED BY ITS OWN TOOL: no systemd-analyze")
    program = tmp_path / "bin/millrace"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "millrace.service"
    unit.write_text((DEPLOY / "millrace.service").read_text().replace("@PREFIX@", str(tmp_path)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "millrace.service" in line]
    assert done.returncode == 0 and not said, done.stdout + done.stderr
