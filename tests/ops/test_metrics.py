# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus receives, and that rules and dashboard name what there is."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from helpers.delta_tables import commit
from helpers.pipeline import settings_in
from helpers.programs import wait_for
from prometheus_client.parser import text_string_to_metric_families

from fink_voevent.errors import StorageError
from fink_voevent.listen.source_report import SourceReport
from fink_voevent.ops.beats import beating, records
from fink_voevent.ops.health import Examiner, Health
from fink_voevent.ops.metrics import Recent, serving
from fink_voevent.ops.verdict import never_run
from fink_voevent.store.batches import Input

CONF = Path(__file__).parents[2] / "conf" / "monitoring"
NAME = re.compile(r"fink_voevent_\w+")
SOURCE = 'broker"\\\n.example.org:8099'  # what must be escaped


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a server over tables that have every figure."""
    settings = settings_in(tmp_path_factory.mktemp("metrics"))
    root = settings.root
    facts = {"documents": 3, "events": 2, "quarantine": 1}
    commit(root, "ingest", facts, events=[{"event_id": "e"}])
    facts = {"alerts": 10, "coincidences": 0, "live_notices": 5, "unplaced_notices": 1}
    commit(root, "match", facts, Input(until={"ingest": 0}, survey="ztf"))
    facts = {"sent": {"fink_grb_bronze_ztf": 4}}
    commit(root, "route", facts, Input(until={"match": 0}, survey="ztf"))
    Path(settings.spool).mkdir()
    report = SourceReport(root, settings.spool, [SOURCE])
    report.connection(SOURCE).connected()
    report.connection(SOURCE).received()
    report.report()
    with (
        beating(root, "stages", ["ingest", "match", "route"]),
        serving("127.0.0.1:0", Examiner(settings).health, "ztf") as address,
    ):
        wait_for(lambda: bool(records(root)))
        yield address
    report.stop()


def get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}") as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(address: str) -> dict[tuple[str, tuple], float]:
    code, text = get(address, "/metrics")
    assert code == 200
    return {
        (sample.name.removeprefix("fink_voevent_"), tuple(sample.labels.values())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_have_the_figures_of_all_parts(served):
    found = samples(served)
    assert found["documents_received_total", ()] == 3
    assert found["notices_total", ()] == 2
    assert found["alerts_searched_total", ()] == 10
    assert found["packets_total", ("fink_grb_bronze_ztf",)] == 4
    assert found["events_awaiting_map", ()] == 1
    assert found["source_connected", (SOURCE,)] == 1
    assert found["process_up", (socket.gethostname(), "stages")] == 1
    assert found["lag_seconds", ("match",)] == 0
    assert found["rates_known", ()] == 0
    assert found["disk_free_bytes", ("the tables",)] > 0
    assert found["health", ()] == 1
    assert found["reason", ("rates-missing", "degraded")] == 1


@pytest.mark.parametrize("file", ["alerts.yml", "grafana-dashboard.json"])
def test_rules_and_dashboard_name_figures_that_there_are(served, file):
    text = (CONF / file).read_text(encoding="utf-8")
    known = {f"fink_voevent_{name}" for name, _ in samples(served)}
    expressions = re.findall(r'expr"?: "?(.*)', text)
    used = set(NAME.findall(" ".join(expressions)))
    assert len(used) >= 8
    assert used <= known


def test_the_dashboard_is_json_and_its_panels_do_not_overlap():
    board = json.loads((CONF / "grafana-dashboard.json").read_text(encoding="utf-8"))
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_promtool_accepts_rules_configuration_and_metrics(served):
    for command, text in (
        (["check", "rules", str(CONF / "alerts.yml")], ""),
        (["check", "config", str(CONF / "prometheus.yml")], ""),
        (["check", "metrics"], get(served, "/metrics")[1]),
    ):
        done = subprocess.run(
            ["promtool", *command], input=text, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is missing")
def test_prometheus_scrapes_the_figures_and_evaluates_the_rules(served, tmp_path):
    config = (CONF / "prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("127.0.0.1:8097", served).replace("30s", "1s")
    config = "global: {evaluation_interval: 1s}\n" + config
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(CONF / "alerts.yml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml",
         f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def answer(path: str) -> dict:
        try:
            code, text = get(f"127.0.0.1:{port}", path)
        except OSError:
            return {}
        return json.loads(text)["data"] if code == 200 else {}

    def has_health() -> bool:
        found = answer("/api/v1/query?query=fink_voevent_health").get("result", [])
        return [one["value"][1] for one in found] == ["1"]

    try:
        wait_for(has_health)
        wait_for(
            lambda: any(
                one["labels"]["alertname"] == "FinkVOEventDegraded"
                for one in answer("/api/v1/alerts").get("alerts", [])
            )
        )
        rules = answer("/api/v1/rules")["groups"][0]["rules"]
        assert [one["health"] for one in rules] == ["ok"] * len(rules)
    finally:
        process.terminate()
        process.wait()


def test_healthz_has_the_verdict_and_503_if_it_is_down(served):
    code, text = get(served, "/healthz")
    assert (code, json.loads(text)["verdict"]) == (200, "degraded")
    down = Health(never_run("/nowhere"))
    with serving("127.0.0.1:0", lambda: down, "ztf") as address:
        code, text = get(address, "/healthz")
        assert code == 503
        assert json.loads(text)["reasons"][0]["code"] == "never-run"
        assert samples(address)["health", ()] == 2
        assert get(address, "/other")[0] == 404


def test_a_client_that_breaks_off_or_sends_rubbish_stops_nothing(served):
    host, port = served.split(":")
    for text in (b"", b"GET /", b"\x00" * 70_000, b"POST / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(text)
    assert get(served, "/healthz")[0] == 200


def test_requests_at_the_same_time_look_at_the_tables_once():
    calls = []

    def examine() -> Health:
        calls.append(1)
        return Health(never_run("/nowhere"))

    recent = Recent(examine)
    threads = [threading.Thread(target=recent.health) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_port_that_is_used_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(StorageError, match="VOEVENT_METRICS_ADDRESS"):
            with serving(address, lambda: Health(never_run("/")), "ztf"):
                pass
