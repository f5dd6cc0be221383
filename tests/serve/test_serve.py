# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""`fink_voevent serve` as a process: pages, JSON, changes, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.live_server import ChangeReader, Tables, document, request, serving
from helpers.programs import wait_for

from fink_voevent.cli import main

EVENT = "Swift-1126853"
OLDER = ["grb221009a_xrt.xml", "ep240414a.json"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Tables:
    return Tables(tmp_path_factory.mktemp("serve"), OLDER)


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """Folder of the pages of the server."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def port(tables, out):
    """Port of a server; only the later of the two events is recent."""
    with serving(tables.data, "--days", "30", "--out", str(out)) as port:
        yield port


def command(tables: Tables, *arguments: str) -> dict:
    done = CliRunner().invoke(
        main, [*arguments, "--json", "--data-prefix", tables.data]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_change_in_the_tables_is_sent_and_the_page_shows_it(port, tables):
    address = f"/{EVENT}/index.html"
    wait_for(lambda: request(port, address)[0] == 200)
    assert "ZTF22aaaagrb" not in request(port, address)[2].decode()
    with contextlib.closing(ChangeReader(port)) as reader:
        reader.next("hello")
        tables.commit_match()
        folders: list[str] = []
        while EVENT not in folders:
            last_id, found = reader.next("pages")
            folders += found["folders"]
        assert "ZTF22aaaagrb" in request(port, address)[2].decode()
    with contextlib.closing(ChangeReader(port, last_id)) as reader:
        assert reader.next("hello")[0] == last_id  # nothing was missed
    with contextlib.closing(ChangeReader(port, "earlier-1")) as reader:
        assert reader.next("pages")[1] == {"folders": None}


def test_pages_load_only_the_script_of_the_server(port):
    wait_for(lambda: request(port, f"/{EVENT}/")[0] == 200)
    for path in ("/", "/index.html", f"/{EVENT}/"):
        code, headers, body = request(port, path)
        assert code == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        scripts = re.findall(r"<script[^>]*>[^<]*", body.decode())
        assert scripts == ['<script src="/live.js" defer>']
        assert "script-src 'self'; connect-src 'self'" in body.decode()
    code, headers, body = request(port, "/live.js")
    assert (code, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"EventSource" in body


def test_an_older_event_gets_its_page_when_it_is_opened(port):
    wait_for(lambda: request(port, "/EP-11900080130/")[0] == 200)
    code, headers, _ = request(port, f"/{EVENT}")
    assert (code, headers["location"]) == (302, f"/{EVENT}/")
    code, headers, body = request(port, f"/{EVENT}/circular.txt")
    assert (code, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert body.startswith(b"DRAFT")
    assert EVENT in request(port, "/")[2].decode()


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/api/events?messenger=grb", ["events", "--messenger", "grb"]),
        ("/api/events/Swift-1126853", ["show", EVENT]),
        ("/api/candidates?limit=0", ["candidates", "--limit", "0"]),
        ("/api/coincidences?ended=1", ["coincidences", "--ended"]),
        ("/api/tonight?night=20221009", ["tonight", "--night", "20221009"]),
        ("/api/sources", ["sources"]),
    ],
)
def test_json_is_that_of_the_commands(port, tables, path, arguments):
    assert document(port, path) == command(tables, *arguments)


def test_the_status_is_that_of_healthz(port):
    assert document(port, "/api/status")["verdict"] == "down"
    code, _, body = request(port, "/healthz")
    assert (code, json.loads(body)["verdict"]) == (503, "down")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/api/events?night=today", 400, "write YYYYMMDD"),
        ("/api/events?limit=many", 400, "is not a number of rows"),
        ("/api/events?messenger=radio", 400, "is none of"),
        ("/api/candidates?survey=des", 400, "is none of"),
        ("/api/coincidences?ended=yes", 400, "is not 0 or 1"),
        ("/api/status?night=20221009", 400, "it has none"),
        ("/api/events?%ff=1", 400, "not UTF-8"),
        ("/api/events/nothing", 404, "is called 'nothing'"),
        ("/api/other", 404, "/api/ lists all"),
        ("/nothing/", 404, "there is nothing"),
        (f"/{EVENT}/page.json", 404, "there is nothing"),
        (f"/{EVENT}/.index.html.part", 404, "there is nothing"),
        ("/../../../../etc/passwd", 404, "there is nothing"),
        (f"/{EVENT}/..%2f..%2f..%2fetc%2fpasswd", 404, "there is nothing"),
        (f"/{EVENT}/../../etc/passwd", 404, "there is nothing"),
        ("/%2e%2e/index.html", 404, "there is nothing"),
        ("//etc/passwd", 404, "there is nothing"),
        ("/$%7bx%7d.html", 404, "there is nothing"),
    ],
)
def test_what_is_not_there_or_wrong_is_one_sentence(port, path, code, words):
    found, headers, body = request(port, path)
    document = json.loads(body)
    assert found == code, document
    assert document.keys() == {"error"}
    assert words in document["error"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(port, method):
    for path in ("/", "/api/events", "/api/changes", "/healthz"):
        code, headers, _ = request(port, path, method)
        assert (code, headers["allow"]) == (405, "GET, HEAD")


def test_a_request_with_a_body_is_ended_before_the_body_is_read(port):
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    chunked = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for text in (head, chunked):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(text)
            while connection.recv(4096):
                pass


def test_head_has_the_headers_of_get_and_no_body(port):
    wait_for(lambda: request(port, f"/{EVENT}/")[0] == 200)
    for path in ("/", f"/{EVENT}/", "/api/events", "/healthz", "/nothing"):
        code, headers, body = request(port, path, "HEAD")
        expected = request(port, path)
        assert (code, body) == (expected[0], b"")
        if path != "/healthz":  # its numbers change
            assert headers["content-length"] == str(len(expected[2]))
    assert request(port, "/api/changes", "HEAD")[0] == 200


def test_every_answer_has_the_safe_headers(port):
    for path in ("/", "/live.js", "/api/", "/healthz", "/nothing"):
        _, headers, _ = request(port, path)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "twisted" not in headers["server"].lower()


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost", 200),
        ("127.0.0.1:8096", 200),
        ("[::1]:1", 200),
        ("LOCALHOST.:80", 200),
        ("evil.example:8096", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_a_name_that_leads_here_by_dns_rebinding_is_refused(port, host, code):
    found, headers, body = request(port, "/api/", Host=host)
    assert found == code, body
    if code != 200:
        assert b"VOEVENT_SERVE_HOSTS" in body
        assert headers["x-content-type-options"] == "nosniff"


def test_a_page_that_has_not_changed_is_not_sent_again(port):
    wait_for(lambda: request(port, f"/{EVENT}/")[0] == 200)
    tag = request(port, f"/{EVENT}/")[1]["etag"]
    code, _, body = request(port, f"/{EVENT}/", If_None_Match=tag)
    assert (code, body) == (304, b"")


def test_pages_that_are_kept_are_not_made_again(port, tables, out):
    wait_for(lambda: request(port, f"/{EVENT}/")[0] == 200)
    page = out / EVENT / "index.html"
    made = page.stat().st_mtime_ns
    with serving(tables.data, "--out", str(out), "--days", "9999") as second:
        assert request(second, f"/{EVENT}/")[0] == 200
        assert b"Swift-1126853" in request(second, "/")[2]
    assert page.stat().st_mtime_ns == made


def test_a_mistyped_prefix_or_a_used_port_is_one_sentence(tables, tmp_path):
    done = CliRunner().invoke(main, ["serve", "--data-prefix", str(tmp_path / "typo")])
    assert done.exit_code == 2
    assert "nothing has ever run here" in done.output
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        arguments = ["serve", "--data-prefix", tables.data, "--address", address]
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "VOEVENT_SERVE_ADDRESS" in done.output
