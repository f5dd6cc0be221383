# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from fink_voevent.errors import StorageError
from fink_voevent.store.addresses import parse_location, table_uri


@pytest.mark.parametrize(
    ("hadoop", "plain"),
    [
        ("hdfs://host:8020///user/fink", "hdfs://host:8020/user/fink"),
        ("HDFS://host:8020/user", "hdfs://host:8020/user"),
        ("hdfs://nameservice/a", "hdfs://nameservice/a"),
        ("hdfs:///a", "hdfs:///a"),
        ("s3a://bucket/a/b", "s3://bucket/a/b"),
        ("s3n://bucket//a", "s3://bucket/a"),
        ("s3://bucket", "s3://bucket/"),
        ("file:/a/b", "file:///a/b"),
        ("file:///a/b", "file:///a/b"),
    ],
)
def test_uris_of_hadoop_are_converted_for_our_clients(hadoop, plain):
    assert parse_location(hadoop).uri == plain


@pytest.mark.parametrize("path", ["/a/b", "a/b", "C", "/a b/100%"])
def test_a_path_is_no_uri(path):
    assert parse_location(path) == ("", "", path)


def test_a_table_has_one_slash_before_its_name():
    assert table_uri("hdfs://h:1///x/", "events") == "hdfs://h:1/x/events"
    assert table_uri("s3a://bucket/", "events") == "s3://bucket/events"


def test_a_folder_that_delta_rs_would_mistake_is_refused():
    assert table_uri("/a b/100% +", "events") == "file:///a%20b/100%25%20%2B/events"
    with pytest.raises(StorageError, match="cannot have %41 in its name"):
        table_uri("/a/%41", "events")


@pytest.mark.parametrize("login", ["me:open-sesame", "open-sesame"])
def test_a_login_in_an_address_is_refused_and_not_repeated(login):
    with pytest.raises(StorageError, match="VOEVENT_STORE_OPTIONS") as refused:
        parse_location(f"s3a://{login}@bucket/x")
    assert "open-sesame" not in str(refused.value)
