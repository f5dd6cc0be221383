# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from fink_voevent.errors import ConfigError
from fink_voevent.store.options import (
    for_arrow_s3,
    for_delta,
    for_hdfs,
    for_spark,
    store_options,
)

GATEWAY = {
    "fs.s3a.endpoint": "http://gateway:9000/",
    "fs.s3a.access.key": "fink",
    "fs.s3a.secret.key": "a-secret",
    "fs.s3a.path.style.access": "true",
}


def test_a_gateway_has_the_same_login_for_all_clients():
    assert for_delta("s3", GATEWAY) == {
        "aws_access_key_id": "fink",
        "aws_secret_access_key": "a-secret",
        "aws_endpoint": "http://gateway:9000",
        "aws_allow_http": "true",
        "aws_region": "us-east-1",
        "aws_virtual_hosted_style_request": "false",
    }
    assert for_arrow_s3(GATEWAY) == {
        "access_key": "fink",
        "secret_key": "a-secret",
        "scheme": "http",
        "endpoint_override": "gateway:9000",
        "region": "us-east-1",
    }
    assert for_spark(GATEWAY)["spark.hadoop.fs.s3a.secret.key"] == "a-secret"


@pytest.mark.parametrize(
    ("tls", "scheme"),
    [({}, "https"), ({"fs.s3a.connection.ssl.enabled": "false"}, "http")],
)
def test_an_endpoint_without_a_scheme_uses_tls_unless_hadoop_does_not(tls, scheme):
    found = for_arrow_s3({"fs.s3a.endpoint": "gateway:9000", **tls})
    assert (found["scheme"], found["endpoint_override"]) == (scheme, "gateway:9000")


def test_buckets_are_names_of_hosts_if_hadoop_says_so():
    style = {"fs.s3a.path.style.access": "false"}
    assert for_arrow_s3(style)["force_virtual_addressing"]
    assert for_delta("s3", style)["aws_virtual_hosted_style_request"] == "true"


def test_hdfs_gets_no_keys_of_s3():
    names = {"dfs.nameservices": "fink", **GATEWAY}
    assert for_hdfs(names)["dfs.nameservices"] == "fink"
    assert not any("s3a" in name for name in for_hdfs(names))
    assert for_delta("hdfs", names) == for_hdfs(names)
    assert for_delta("gs", names) == {}


def test_attempts_on_hdfs_end_soon_unless_the_operator_wants_more():
    name = "dfs.client.failover.max.attempts"
    assert for_hdfs({})[name] == "3"
    assert for_hdfs({name: "15"})[name] == "15"


def test_our_own_setting_comes_before_spark_and_that_before_aws(tmp_path):
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.hadoop.fs.s3a.endpoint http://spark\n"
        "spark.hadoop.fs.s3a.access.key of-spark\n"
    )
    environment = {
        "SPARK_CONF_DIR": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "of-aws",
        "AWS_REGION": "eu-west-3",
        "VOEVENT_STORE_OPTIONS": "fs.s3a.endpoint=http://ours",
    }
    assert store_options(environment) == {
        "fs.s3a.access.key": "of-spark",
        "fs.s3a.endpoint": "http://ours",
        "fs.s3a.endpoint.region": "eu-west-3",
    }


def test_the_properties_of_spark_are_found_below_its_home(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text(
        "spark.hadoop.fs.s3a.endpoint http://spark\n"
    )
    assert store_options({"SPARK_HOME": str(tmp_path)}) == {
        "fs.s3a.endpoint": "http://spark"
    }


def test_options_that_cannot_be_read_are_refused_without_repeating_them():
    with pytest.raises(ConfigError, match="VOEVENT_STORE_OPTIONS") as refused:
        store_options({"VOEVENT_STORE_OPTIONS": "open-sesame"})
    assert "open-sesame" not in str(refused.value)
