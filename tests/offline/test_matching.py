# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A past night and notices whose sky map is elsewhere."""

from __future__ import annotations

import pyarrow.parquet as pq
from helpers.map_site import gaussian, notice_with_map_url, site

from fink_voevent.cli.match import describe_coincidence
from fink_voevent.offline.matching import match_night


def test_a_notice_without_its_sky_map_is_matched_in_time_only(
    spark, settings, datatest, tmp_path
):
    (tmp_path / "notice.json").write_bytes(notice_with_map_url())
    changed = settings.model_copy(update={"window": "9000,9000", "cap_deg2": 41253})
    where = (str(datatest / "alerts"), [str(tmp_path / "notice.json")])
    counts = match_night(spark, changed, *where, tmp_path / "out")
    assert (
        list(counts.in_time_only.values()) == [counts.alerts] == [counts.coincidences]
    )
    row = pq.read_table(tmp_path / "out" / "coincidences.parquet").to_pylist()[0]
    assert (
        ": new, in time only, because its sky map is missing, "
        in describe_coincidence(row)
    )


def test_sky_maps_are_fetched_from_the_allowed_hosts(
    spark, settings, datatest, tmp_path, caplog
):
    allowed = {"window": "9000,9000", "skymap_hosts": "127.0.0.1"}
    changed = settings.model_copy(update=allowed)
    with site(map=gaussian(288.2645, 19.7735, 8.0)) as server:
        for name in ("gone", "map"):
            raw = notice_with_map_url(f"{server.address}/{name}", number=name)
            (tmp_path / f"{name}.json").write_bytes(raw)
        notices = [str(path) for path in tmp_path.glob("*.json")]
        out = tmp_path / "out"
        counts = match_night(spark, changed, str(datatest / "alerts"), notices, out)
        assert server.requested == ["/gone", "/map"]
    assert "/gone" in caplog.text
    rows = pq.read_table(out / "coincidences.parquet").to_pylist()
    (awaiting,) = counts.in_time_only
    found = [r for r in rows if r["event_id"] != awaiting]
    assert "ZTF22aaaagrb" in {r["object_id"] for r in found}
    assert all(r["credible_level"] < 0.95 for r in found)
