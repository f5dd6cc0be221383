# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets go without the parts that cannot be encoded or make them too large."""

from __future__ import annotations

import io

import fastavro
import pyarrow as pa
import pytest

from fink_voevent.errors import InputError
from fink_voevent.route import avro
from fink_voevent.route.fitting import PacketFormat, iter_packets

SCHEMA = pa.schema(
    [
        ("candid", pa.int64()),
        ("objectId", pa.string()),
        ("cutoutScience", pa.struct([("stampData", pa.binary())])),
        ("cutoutTemplate", pa.struct([("stampData", pa.binary())])),
        ("prv_candidates", pa.list_(pa.struct([("jd", pa.float64())]))),
        ("triggerId", pa.string()),
        (
            "coincidence",
            pa.struct([("event_id", pa.string()), ("left_out", pa.list_(pa.string()))]),
        ),
    ]
)
FORMAT = PacketFormat(avro.avro_schema(SCHEMA))


def packet(**changes) -> dict:
    values = {
        "candid": 1,
        "objectId": "ZTF1",
        "cutoutScience": {"stampData": bytes(5000)},
        "cutoutTemplate": {"stampData": bytes(9000)},
        "prv_candidates": [{"jd": 1.0}] * 100,
        "triggerId": "e_1",
        "coincidence": {"event_id": "e", "left_out": None},
    }
    return values | changes


def decoded(value: bytes) -> dict:
    return fastavro.schemaless_reader(io.BytesIO(value), FORMAT.schema, None)


def test_a_packet_that_fits_is_complete():
    fitted = FORMAT.fit(packet())
    assert FORMAT.fit(packet(), len(fitted.value)) == fitted
    assert decoded(fitted.value) == packet()
    assert fitted.left_out == ()


@pytest.mark.parametrize(
    ("most_bytes", "left_out"),
    [
        (15_000, ("cutoutTemplate",)),
        (6_000, ("cutoutScience", "cutoutTemplate")),
        (300, ("cutoutScience", "cutoutTemplate", "prv_candidates")),
    ],
)
def test_the_largest_parts_are_left_out_until_the_rest_fits(most_bytes, left_out):
    fitted = FORMAT.fit(packet(), most_bytes)
    assert len(fitted.value) <= most_bytes
    assert fitted.left_out == left_out
    read = decoded(fitted.value)
    assert {name for name in packet() if read[name] is None} == set(left_out)
    assert read["coincidence"] == {"event_id": "e", "left_out": list(left_out)}
    assert FORMAT.fit(packet(), most_bytes) == fitted


@pytest.mark.parametrize("name", ["objectId", "triggerId"])
def test_what_names_a_packet_is_never_left_out(name):
    with pytest.raises(InputError, match="without all that can be left out"):
        FORMAT.fit(packet(**{name: "x" * 1000}), 900)


@pytest.mark.parametrize(
    "value",
    [object(), [{"jd": "text"}], [{"jd": {1: 2}}], "text"],
    ids=["object", "text for a number", "map for a number", "text for a list"],
)
def test_a_part_that_cannot_be_encoded_is_left_out(value):
    fitted = FORMAT.fit(packet(prv_candidates=value))
    assert fitted.left_out == ("prv_candidates",)
    assert decoded(fitted.value)["prv_candidates"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"candid": 2**63},
        {"objectId": "\ud800"},
        {"coincidence": {"event_id": "\ud800", "left_out": None}},
    ],
    ids=str,
)
def test_a_packet_whose_name_cannot_be_encoded_is_refused(changes):
    with pytest.raises(InputError, match="cannot be encoded"):
        FORMAT.fit(packet(**changes))


def test_a_part_that_cannot_be_read_is_left_out_of_its_packet_alone():
    texts = pa.array([b"a", b"\xff\xfe", b"c"], pa.binary()).view(pa.string())
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), texts)
    late = pa.array([0, 2**62, 2**62], pa.int64()).view(pa.timestamp("us"))
    times = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), late)
    pair = pa.array([{"event_id": "e", "left_out": None}] * 3)
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1, 2, 3]), lists, times, pair],
        ["candid", "names", "times", "coincidence"],
    )
    one, two, three = iter_packets(batch)
    assert (one["names"], one["times"]) == (["a"], ["1970-01-01 00:00:00"])
    assert one["coincidence"]["left_out"] is None
    assert (two["candid"], two["names"], two["times"]) == (2, None, None)
    assert two["coincidence"]["left_out"] == ["names", "times"]
    assert (three["names"], three["times"]) == (["c"], None)
    assert three["coincidence"]["left_out"] == ["times"]
