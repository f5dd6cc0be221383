# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from fink_voevent.config import render
from fink_voevent.config.load import load
from fink_voevent.config.store_options import (
    of_spark,
    parse_spark_defaults,
    parse_store_options,
)
from fink_voevent.errors import ConfigError

EXPECTED = {"fs.s3a.endpoint": "http://h:9000", "fs.s3a.path.style.access": "true"}


@pytest.mark.parametrize(
    "text",
    [
        "fs.s3a.endpoint=http://h:9000,fs.s3a.path.style.access=true",
        " fs.s3a.endpoint=http://h:9000\nfs.s3a.path.style.access=true, ",
        "AWS_ENDPOINT_URL=http://h:9000 spark.hadoop.fs.s3a.path.style.access=true",
        '{"fs.s3a.endpoint": "http://h:9000", "fs.s3a.path.style.access": true}',
    ],
)
def test_options_have_the_names_of_hadoop_spark_or_aws(text):
    assert parse_store_options(text) == EXPECTED


def test_a_value_can_have_an_equals_sign():
    found = parse_store_options("fs.s3a.secret.key=a=b==")
    assert found == {"fs.s3a.secret.key": "a=b=="}


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_no_text_is_no_option(text):
    assert parse_store_options(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "open-sesame",
        "fs.s3a.secret.key open-sesame",
        "key=open-sesame",
        '{"fs.s3a.secret.key": ["open-sesame"]}',
        '{"fs.s3a.secret.key": "open-sesame"',
    ],
)
def test_what_cannot_be_read_is_refused_and_not_repeated(text):
    with pytest.raises(ConfigError, match="must be a JSON object") as refused:
        load({"VOEVENT_STORE_OPTIONS": text})
    assert "open-sesame" not in str(refused.value)
    assert "VOEVENT_STORE_OPTIONS=***" in str(refused.value)


def test_the_options_are_not_shown():
    shown = render.describe(
        load({"VOEVENT_STORE_OPTIONS": "fs.s3a.secret.key=open-sesame"})
    )
    assert "open-sesame" not in shown


def test_the_options_of_stores_are_found_among_the_properties_of_spark():
    text = """
    # a comment
    spark.master                     local[2]
    spark.hadoop.fs.s3a.endpoint     http://h:9000
    spark.hadoop.fs.s3a.path.style.access=true
    spark.hadoop.mapreduce.x  1
    spark.hadoop.fs.s3.impl   org.example.FileSystem
    """
    assert of_spark(parse_spark_defaults(text)) == EXPECTED
