# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of all real documents agree with a table of their content.

Where a row differs from the table on purpose, the test states the reason.
"""

from __future__ import annotations

import csv
import math

import pytest

from fink_voevent.errors import NoticeError
from fink_voevent.notices.identity import RANK_STEP
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.times import parse_iso


@pytest.fixture(scope="module")
def rows(real, registry):
    """Return (row of the table, row of events) of every document."""
    with (real / "voevents.tsv").open(encoding="utf-8") as text:
        table = list(csv.DictReader(text, delimiter="\t"))
    found = []
    for facts in table:
        raw = (real / "voevents" / facts["file"]).read_bytes()
        try:
            found.append((facts, normalise(raw, registry)))
        except NoticeError as error:
            found.append((facts, {"reason": str(error)}))
    return found


def as_float(text: str) -> float:
    return float(text) if text else math.nan


def test_every_real_document_becomes_a_row(rows):
    assert len(rows) == 1067
    assert not [f["file"] for f, e in rows if f["kind"] == "real" and "reason" in e]


def test_ivorn_and_packet_type_agree(rows):
    for facts, event in rows:
        assert event["ivorn"] == facts["ivorn"].strip()
        types = [p.value for p in event["params"] if p.name == "Packet_Type"]
        assert (types[0] if types else "") == facts["packet_type"]


def test_schema_validity_agrees(rows):
    for facts, event in rows:
        assert event["schema_valid"] == (facts["xsd_v2.0"] == "ok"), facts["file"]


def test_citations_agree(rows):
    for facts, event in rows:
        kinds = {c["cite"] for c in event["cites"] if c["cite"]}
        assert kinds <= set(facts["cites"].replace(",", " ").replace(";", " ").split())


# The tenses that a role may have, and why.
TENSES = {
    "observation": {
        "observation",
        "injection",  # LVK's samples MS181101ab
        "test",  # AMON's TEST_Event; tests marked by a flag only; UTMOST's tests
    },
    "test": {"test", "injection"},  # mock superevents are injections
    "utility": {"utility"},
    "prediction": {"prediction"},
    "observe": {"observation"},  # H.E.S.S. means the role observation
}


def test_tense_follows_the_role_or_is_a_known_exception(rows):
    for facts, event in rows:
        assert event["tense"] in TENSES[facts["role"]], facts["file"]
    changed = [
        (f["ivorn"], e["stream"])
        for f, e in rows
        if f["role"] == "observation" and e["tense"] == "test"
    ]
    # A stream of tests, tests of H.E.S.S., numbers from 1e8, INTEGRAL's Test_Notice.
    known = {"amon_test", "hess", "gecam_test", "integral_wakeup"}
    assert {stream for _, stream in changed} <= known, changed


# Streams without positions of sources; AGILE's MCAL writes 0, 4.35.
NO_SOURCE = ("network", "swift_pointing", "fermi_slew", "calet", "agile_mcal")


def test_positions_and_errors_agree_or_are_a_known_exception(rows):
    for facts, event in rows:
        ra, dec, error = (as_float(facts[k]) for k in ("ra", "dec", "error_radius"))
        if event["schema_version"] == "1.1":
            continue  # not in the table
        if event["position_kind"] == "source":
            assert event["ra"] == pytest.approx(ra, abs=1e-9), facts["file"]
            assert event["dec"] == pytest.approx(dec, abs=1e-9), facts["file"]
            if event["stream"] == "superk_supernova":
                continue  # the error is in a Param, Error2Radius is always 0
            if math.isnan(error):
                assert facts["kind"] != "real"
            elif error > 0:
                assert event["error_raw"] == pytest.approx(error), facts["file"]
            else:
                assert event["error_raw"] is None  # 0 and negative values: not given
            continue
        assert event["ra"] is None
        if math.isnan(ra):
            continue
        # It is not the position of a source: it is marked by Coords_Type, 0 0 0, out of
        # range, or of a stream without positions of sources.
        coords_types = [p.value for p in event["params"] if p.name == "Coords_Type"]
        assert (
            coords_types[:1] in (["0"], ["2"])
            or (ra, dec) == (0.0, 0.0)
            or ra < 0
            or event["stream"] in NO_SOURCE
        ), facts["file"]


def test_times_agree_or_are_recovered_from_params(rows):
    for facts, event in rows:
        written = parse_iso(facts["isotime"])
        if event["schema_version"] == "1.1":
            continue  # not in the table
        if written is None:
            sources = ("tjd", "none", "observation", "issued")
            assert event["time_source"] in sources, facts
            continue
        shift = abs((event["time"] - written).total_seconds())
        # TDB at the barycentre is 67 to 69 s ahead of UTC; all others are UTC.
        assert shift < 1e-5 or (
            facts["coord_system"].startswith("TDB") and 60 < shift < 70
        ), facts["file"]


def test_impossible_times_are_recovered_to_the_day_before_the_new_year(rows):
    recovered = [e for _, e in rows if e["time_source"] == "tjd"]
    assert len(recovered) >= 15
    for event in recovered:
        assert abs((event["issued"] - event["time"]).days) <= 400


def test_the_same_bytes_give_the_same_row(real, registry):
    for path in sorted((real / "voevents").iterdir())[:100]:
        raw = path.read_bytes()
        assert normalise(raw, registry) == normalise(raw, registry)


def test_notices_of_an_event_have_one_id_and_different_versions(rows):
    gbm = {}
    for facts, event in rows:
        if event["event_id"].startswith("GBM-") and facts["kind"] == "real":
            gbm.setdefault(event["event_id"], set()).add(event["version"] // RANK_STEP)
    assert sum(len(ranks) > 1 for ranks in gbm.values()) >= 10
