# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The Helm chart, rendered: valid for Kubernetes, and what the image and code have."""

from __future__ import annotations

import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from helpers.go_programs import program

from fink_voevent.config.load import load
from fink_voevent.fink.checkout import SERVICES

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
ALL_PARTS = {
    "publish.enabled": "true",
    "hadoopConfigMap": "hadoop",
    "secrets.values.VOEVENT_KAFKA_PASSWORD": "open-sesame",
}
SECRETS = "fink-secrets"

pytestmark = pytest.mark.cluster


def rendered(values: dict[str, str]) -> list[dict[str, Any]]:
    """Return the objects that the chart makes."""
    given = [part for item in values.items() for part in ("--set", "=".join(item))]
    done = subprocess.run(
        [str(program(HELM)), "template", "night", str(CHART), *given],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


@pytest.mark.parametrize("values", [{}, ALL_PARTS, {"survey": "ztf"}])
def test_each_object_of_kubernetes_is_valid(values):
    known = [one for one in rendered(values) if one["kind"] != "SparkApplication"]
    assert known
    for one in known:
        kubernetes_validate.validate(one, "1.31", strict=True)


@pytest.mark.skipif(
    "SPARK_APPLICATION_CRD" not in os.environ,
    reason="SPARK_APPLICATION_CRD does not name the CRD of spark-operator",
)
@pytest.mark.parametrize("values", [{}, ALL_PARTS])
def test_each_spark_application_is_valid_for_the_operator(values):
    crd = yaml.safe_load(Path(os.environ["SPARK_APPLICATION_CRD"]).read_text("utf-8"))
    (version,) = [v for v in crd["spec"]["versions"] if v["name"] == "v1beta2"]
    schema = version["schema"]["openAPIV3Schema"]
    known = schema["properties"]["spec"]["properties"]
    for one in of_kind(rendered(values), "SparkApplication"):
        jsonschema.validate(one, schema)
        assert set(one["spec"]) <= set(known)
        for role in ("driver", "executor"):
            assert set(one["spec"][role]) <= set(known[role]["properties"])


@pytest.mark.parametrize("survey", ["rubin", "ztf"])
def test_the_image_has_the_script_of_each_stage(survey, tmp_path):
    runpy.run_path(str(ROOT / "deploy" / "make_services.py"))["make"](tmp_path)
    applications = of_kind(rendered({"survey": survey}), "SparkApplication")
    names = {one["metadata"]["name"].rpartition("-")[2] for one in applications}
    assert names == {"ingest", "match", "route"}
    for one in applications:
        script = one["spec"]["mainApplicationFile"]
        inside = script.removeprefix("local:///opt/fink_voevent/bin/")
        assert (tmp_path / inside).stem in SERVICES
        assert (tmp_path / inside).exists()


def test_the_settings_are_known_to_the_code():
    (settings,) = of_kind(rendered(ALL_PARTS), "ConfigMap")
    loaded = load(settings["data"]).settings
    assert loaded.survey == "rubin"
    assert loaded.root == "hdfs://namenode.hdfs:8020///user/fink/online/voevent"


def test_a_secret_is_in_a_secret_alone():
    objects = rendered(ALL_PARTS)
    holders = {one["kind"] for one in objects if "open-sesame" in str(one)}
    assert holders == {"Secret"}


def test_a_secret_of_the_namespace_can_be_used_instead():
    objects = rendered({"secrets.existingSecret": SECRETS})
    assert not of_kind(objects, "Secret")
    for one in of_kind(objects, "SparkApplication"):
        for role in ("driver", "executor"):
            names = [e["secretRef"]["name"] for e in one["spec"][role]["envFrom"][1:]]
            assert names == [SECRETS]


def test_there_is_one_listener_and_its_spool_outlives_it():
    (listener,) = of_kind(rendered({}), "Deployment")
    assert listener["spec"]["replicas"] == 1
    assert listener["spec"]["strategy"] == {"type": "Recreate"}
    (volume,) = listener["spec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == listener["metadata"]["name"]
