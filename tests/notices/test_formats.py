# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Any bytes are read by the reader of their format, or refused with what they are."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import fastavro
import pytest
from helpers.fits_maps import raw_fits
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams
from fink_voevent.notices.formats import detect_format, read_all
from fink_voevent.notices.normalisation import normalise

CORE = "https://gcn.nasa.gov/schema/v6.3.0/gcn/notices/core/Alert.schema.json"
NOTICE = {
    "$schema": "https://gcn.nasa.gov/schema/v6/gcn/notices/boom/alert.schema.json",
    "alert_datetime": "2024-01-15T03:00:00Z",
    "trigger_time": "2024-01-15T02:00:00Z",
    "id": "B1",
    "ra": 10.0,
    "dec": 20.0,
    "ra_dec_error": 0.5,
}
VOEVENT = (
    b'<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"'
    b' role="observation" ivorn="ivo://org.example/bursts#1"><Who/></voe:VOEvent>'
)
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
TRANSPORT = b'<t:Transport xmlns:t="http://x/Transport/v1.1" role="iamalive"/>'
RECORD = {
    "type": "record",
    "name": "notice",
    "fields": [{"name": "superevent_id", "type": "string"}],
}


def avro(writer=fastavro.writer) -> bytes:
    stream, content = io.BytesIO(), {"superevent_id": "S240115a"}
    writer(stream, RECORD, [content] if writer is fastavro.writer else content)
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.xml"))
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.xml", VOEVENT)
    return stream.getvalue()


AVRO_OBJECT = avro(fastavro.schemaless_writer)
# By name: a document, and words of the reason.
REFUSED = {
    "a circular whose number is first": (
        b"NUMBER:  1\nTITLE:   GCN CIRCULAR\nSUBJECT: x\n",
        "a circular of GCN",
    ),
    "a circular with its number": (b'{"circularId": 3, "bodyText": "x"}', "a circular"),
    "a heartbeat that says so": (b'{"type": "heartbeat", "n": 1}', "a heartbeat"),
    "a date alone": (b'{"alert_datetime": "2024-01-15T03:00:00Z"}', "a heartbeat"),
    "a schema of a heartbeat": (
        b'{"$schema": "https://x/gcn/notices/heartbeat.schema.json", "mission": "x"}',
        "a heartbeat",
    ),
    "a schema of Avro": (b'{"type": "record", "name": "x", "fields": []}', "of Avro"),
    "base64": (base64.b64encode(VOEVENT), "text in base64"),
    "base64 of JSON": (base64.b64encode(json.dumps(NOTICE).encode()), "text in base64"),
    "a message of VTP with its length": (
        len(VOEVENT).to_bytes(4, "big") + VOEVENT,
        "with its length before it",
    ),
    "JSON with the header of a registry": (
        b"\0\0\0\0\7" + json.dumps(NOTICE).encode(),
        "after the header of a registry",
    ),
    "a list": (json.dumps([NOTICE]).encode(), "JSON list, not an object"),
    "a list after a line feed": (b"\n[ {} ]", "JSON list"),
    "an empty list": (b"[]", "JSON list"),
    "a number": (b"-12.5e3\n", "JSON number"),
    "a string": (json.dumps(VOEVENT.decode()).encode(), "JSON string"),
    "null": (b" null ", "JSON null"),
    "false": (b"false", "JSON true or false"),
    "two objects": (b'{"a": 1}\n{"a": 2}\n', "more than one JSON value"),
    "two events": (VOEVENT + b"\n" + VOEVENT, "more than one VOEvent"),
    "events in a list": (b"<l>" + VOEVENT * 2 + b"</l>", "more than one VOEvent"),
    "an Avro file": (avro(), "an Avro file"),
    "Avro of a registry": (b"\0\0\0\0\x07" + AVRO_OBJECT, "Avro, with schema 7 of"),
    "a single Avro object": (b"\xc3\x01" + bytes(8) + AVRO_OBJECT, "in Avro"),
    "gzip": (gzip.compress(VOEVENT), "compressed with gzip"),
    "bzip2": (bz2.compress(VOEVENT), "compressed with bzip2"),
    "xz": (lzma.compress(VOEVENT), "compressed with xz"),
    "a zip archive": (zipped(), "a zip archive"),
    "a tar archive": (tar(), "a tar archive"),
    "a sky map": (raw_fits({"NAXIS1": 8, "NAXIS2": 1, "TFIELDS": 1}), "a FITS file"),
    "an error page": (b"<!DOCTYPE html>\n<html><p>404</html>", "an HTML page"),
    "an error page in XML": (
        DECLARATION + b"<!-- a --><!-- b --><html><body/></html>",
        "an HTML page",
    ),
    "an answer over HTTP": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "web server"),
    "an e-mail": (b"Received: from a by b\r\nSubject: GRB\r\n\r\n", "an e-mail"),
    "a circular": (
        json.dumps({"subject": "GRB", "body": "We", "circularId": 1}).encode(),
        "a circular of GCN",
    ),
    "a circular as text": (
        b"TITLE:   GCN CIRCULAR\nNUMBER:  1\nSUBJECT: GRB\n",
        "a circular of GCN",
    ),
    "a classic notice as text": (
        b"TITLE:           GCN/FERMI NOTICE\nNOTICE_DATE: \n",
        "gcn.classic.voevent",
    ),
    "a classic notice in binary": (
        b"\0\0\0\x3d" + bytes(152) + b"\0\0\0\n",
        "binary notice of GCN",
    ),
    "GCN's heartbeat": (
        json.dumps({"$schema": CORE, "alert_datetime": "2024-01-15T03:00Z"}).encode(),
        "a heartbeat",
    ),
    "our heartbeat": (
        json.dumps(
            {"stage": "route", "survey": "ztf", "night": "", "sent_at": ""}
        ).encode(),
        "a heartbeat",
    ),
    "JSON in UTF-16": (json.dumps(NOTICE).encode("utf-16"), "JSON in UTF-16"),
    "JSON in UTF-16 without a mark": (
        json.dumps(NOTICE).encode("utf-16-be"),
        "JSON in UTF-16",
    ),
    "nothing": (b"", "empty"),
    "blanks": (b"\xef\xbb\xbf \r\n\t", "empty"),
    "NULs": (bytes(10), "empty"),
    "some text": (b"hello, world", 'it begins with "hello, world"'),
    "some bytes": (b"\x8b\x01\x02", "it begins with 8b 01 02"),
    "a message of VTP": (TRANSPORT, "the root element is t:Transport, not VOEvent"),
    "a torn event": (VOEVENT[:-5], "not XML"),
    "a torn object": (json.dumps(NOTICE).encode()[:-5], "not JSON"),
}


def without(row: dict, *names: str) -> dict:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_notice_is_refused_with_what_it_is(name):
    raw, words = REFUSED[name]
    (error,) = read_all([raw])
    assert isinstance(error, NoticeError)
    assert words in str(error)
    assert len(str(error)) < 120


def test_a_refused_document_leaves_its_neighbours_alone():
    good = json.dumps(NOTICE).encode()
    results = read_all([VOEVENT, b"[]", good, b"", VOEVENT])
    refused = [isinstance(result, NoticeError) for result in results]
    assert refused == [False, True, False, True, False]


@pytest.mark.parametrize("field", ["id", "ra", "mission", "alert_type"])
def test_a_notice_of_the_core_schema_with_anything_else_is_no_heartbeat(field):
    content = {"$schema": CORE, "alert_datetime": "2024-01-15T03:00:00Z", field: "1"}
    (document,) = read_all([json.dumps(content).encode()])
    assert not isinstance(document, NoticeError)


def test_a_notice_with_names_of_another_kind_is_a_notice():
    names = ("subject", "body", "objectId", "candid", "format", "content")
    content = NOTICE | dict.fromkeys(names, "x")
    (document,) = read_all([json.dumps(content).encode()])
    assert not isinstance(document, NoticeError)


@given(st.lists(st.sampled_from([b" ", b"\n", b"\r\n", b"\t", b"\xef\xbb\xbf"])))
def test_blanks_before_an_event_change_nothing_but_its_checksum(blanks):
    registry = streams.load()
    for message in (VOEVENT, DECLARATION + VOEVENT, json.dumps(NOTICE).encode()):
        raw = b"".join(blanks) + message
        names = ("sha256", "notice_id") if message[:1] == b"{" else ("sha256",)
        assert without(normalise(raw, registry), *names) == without(
            normalise(message, registry), *names
        )
        assert detect_format(raw) == detect_format(message)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_blanks_before_an_event_in_utf_16_are_no_part_of_it(encoding):
    declaration = '\ufeff \n<?xml version="1.0" encoding="UTF-16"?>'
    raw = (declaration + VOEVENT.decode()).encode(encoding)
    assert normalise(raw, streams.load())["ivorn"] == "ivo://org.example/bursts#1"


@pytest.mark.parametrize(
    "encoding", ["UTF-8", "iso-8859-1", "ISO-8859-15", "windows-1252", "UTF-16"]
)
def test_a_voevent_in_a_usual_encoding_is_read(encoding):
    text = VOEVENT.decode().replace("#1", "#\u00e9")
    raw = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    assert normalise(raw, streams.load())["ivorn"] == "ivo://org.example/bursts#\u00e9"


@pytest.mark.parametrize("encoding", ["UTF-7", "UTF-32", "KOI8-R", "GB18030", "cp037"])
def test_a_voevent_in_an_unusual_encoding_is_refused(encoding):
    """In some of them an element has no byte ``<``, by which elements are counted."""
    text = f'<?xml version="1.0" encoding="{encoding}"?>{VOEVENT.decode()}'
    (refused,) = read_all([text.encode(encoding)])
    assert isinstance(refused, NoticeError)
    assert "encoding" in str(refused) or "begins with" in str(refused)


def test_comments_and_instructions_within_a_text_are_no_part_of_it():
    inside = b"<ISOTime>2024<!-- a -->-01-15<?b c?>T02:00:00</ISOTime>"
    raw = VOEVENT.replace(
        b"</voe:VOEvent>",
        b"<WhereWhen><ObsDataLocation><ObservationLocation><AstroCoords><Time>"
        b"<TimeInstant>" + inside + b"</TimeInstant></Time></AstroCoords>"
        b"</ObservationLocation></ObsDataLocation></WhereWhen></voe:VOEvent>",
    )
    (document,) = read_all([raw])
    assert [place.time for place in document.locations] == ["2024-01-15T02:00:00"]


def test_elements_of_any_prefix_are_read_together():
    raw = VOEVENT.replace(
        b"</voe:VOEvent>",
        b'<What><Param name="a" value="1"/>'
        b'<x:Param xmlns:x="urn:x" name="b" value="2"/>'
        b'<voe:Param name="c"><Value>3</Value></voe:Param></What></voe:VOEvent>',
    )
    (document,) = read_all([raw])
    assert document.values == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize("message", [VOEVENT, json.dumps(NOTICE).encode()])
def test_a_nul_after_a_notice_is_no_part_of_it(message):
    (document,) = read_all([message + b"\0"])
    assert not isinstance(document, NoticeError)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_have_a_short_reason(raw):
    (document,) = read_all([raw])
    assert not isinstance(document, NoticeError) or 0 < len(str(document)) < 300
