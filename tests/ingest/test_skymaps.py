# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps by their address: who may be asked, and what comes of it."""

from __future__ import annotations

import pytest
from helpers.map_site import gaussian, notice_with_map_url, site

from fink_voevent.errors import InputError
from fink_voevent.ingest import skymaps
from fink_voevent.ingest.download import fetch
from fink_voevent.ops.status import Observer


def test_a_file_of_a_listed_host_comes_as_it_is():
    with site(map=b"FITS" * 50_000) as server:
        assert fetch(f"{server.address}/map", ["127.0.0.1"]) == b"FITS" * 50_000


@pytest.mark.parametrize(
    ("path", "allowed", "reason"),
    [
        ("/map", ["example.org"], "127.0.0.1 is not in VOEVENT_SKYMAP_HOSTS"),
        ("/map", [], "not in VOEVENT_SKYMAP_HOSTS"),
        ("/gone", ["127.0.0.1"], "404"),
        ("/moved", ["127.0.0.1"], "example.org is not in VOEVENT_SKYMAP_HOSTS"),
    ],
)
def test_what_is_not_allowed_or_not_there_is_told(path, allowed, reason):
    with site(map=b"x") as server, pytest.raises(InputError, match=reason):
        fetch(f"{server.address}{path}", allowed)


def test_a_name_that_leads_to_loopback_is_refused_before_anything_is_sent():
    with site(map=b"x") as server:
        url = server.address.replace("127.0.0.1", "localhost")
        with pytest.raises(InputError, match="which is not public"):
            fetch(f"{url}/map", ["localhost"])
        assert server.requested == []
        assert fetch(f"{url}/map", ["localhost", "127.0.0.1", "::1"]) == b"x"


def test_a_file_that_is_too_large_is_not_kept():
    with site(map=b"x" * 1001) as server, pytest.raises(InputError, match="larger"):
        fetch(f"{server.address}/map", ["127.0.0.1"], most_bytes=1000)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.org/x", "nothing"])
def test_other_schemes_are_refused(url):
    with pytest.raises(InputError, match="not an address"):
        fetch(url, ["a.org"])


@pytest.mark.parametrize(
    "url", ["https://[x/", "http://a.org:99999/", "http://a\u2100/"]
)
def test_a_garbled_address_is_refused_as_any_other(url):
    with pytest.raises(InputError):
        fetch(url, ["a.org"])


def test_a_notice_is_matched_once_its_map_came(pipeline, monkeypatch):
    with site(map=gaussian(288.2645, 19.7735, 8.0)) as server:
        values = {"skymap_hosts": "127.0.0.1", "window": "1,7"}
        pipeline.settings = pipeline.settings.model_copy(update=values)
        pipeline.land(notice_with_map_url(f"{server.address}/map"))
        pipeline.alerts("early", "late")
        pipeline.match()
        assert {row["credible_level"] for row in pipeline.current_pairs()} <= {None}
        assert Observer(pipeline.settings.root).status().unplaced_notices == 1
        fetcher = skymaps.Fetcher(pipeline.settings)
        held = server.files.pop("/map")
        assert fetcher.fetch_due(0) == 0  # not there yet
        server.files["/map"] = held
        assert fetcher.fetch_due(1) == 0  # not due yet
        assert fetcher.fetch_due(100) == 1
        pipeline.match()
        assert Observer(pipeline.settings.root).status().unplaced_notices == 0
        found = {row["object_id"] for row in pipeline.current_pairs()}
        assert "ZTF22aaaagrb" in found
        assert skymaps.Fetcher(pipeline.settings).fetch_due(0) == 0  # once
        assert server.requested == ["/map"] * 2
        count = pipeline.journal().count()
        pipeline.match()
        assert pipeline.journal().count() == count
