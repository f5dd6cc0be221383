# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents are replayed as they were received, and give the same coincidences."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers.delta_tables import commit
from helpers.pipeline import Pipeline, settings_in
from helpers.vtp_broker import broker
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.cli import main
from fink_voevent.errors import InputError
from fink_voevent.offline import replay

T0 = datetime(2026, 10, 9, 13, tzinfo=timezone.utc)
DAY = replay.Period(T0, T0 + timedelta(days=1))


def document(seconds: float, text: str = "a", **changes) -> dict:
    values = {
        "received_at": T0 + timedelta(seconds=seconds),
        "transport": "vtp",
        "source": "example.org:8099",
        "format": "voevent",
        "sha256": f"{text}{seconds}",
        "raw": text.encode(),
    }
    return values | changes


def test_documents_of_the_period_are_in_order_of_time(settings):
    commit(settings.root, "ingest", documents=[document(9), document(-1)])
    commit(settings.root, "ingest", documents=[document(86400), document(2)])
    found = replay.received(settings, DAY)
    assert [row["received_at"] for row in found] == [
        T0 + timedelta(seconds=2),
        T0 + timedelta(seconds=9),
    ]


def test_a_period_without_documents_is_said(settings):
    with pytest.raises(InputError, match="no document was received from 2026-10-09"):
        replay.received(settings, DAY)


@given(
    st.lists(st.floats(0, 1e5), min_size=1, max_size=50),
    st.just(0.0) | st.floats(1e-3, 1e4),
)
def test_each_document_is_in_one_group_and_not_before_it_is_due(times, speed):
    rows = [document(seconds) for seconds in sorted(times)]
    start = rows[0]["received_at"]
    made = list(replay.groups(rows, speed))
    assert [row for _, group in made for row in group] == rows
    for due_s, group in made:
        assert len(group) <= replay.MOST_AT_ONCE
        for row in group:
            elapsed_s = (row["received_at"] - start).total_seconds()
            expected = elapsed_s / speed if speed else 0.0
            assert due_s <= expected < due_s + replay.STEP_S + 1e-6


def test_the_speed_divides_the_pauses_and_a_stop_ends_them():
    rows, sent, clock = [document(0), document(100), document(400)], [], [0.0]

    class Stop(threading.Event):
        def wait(self, timeout=None):
            clock[0] += timeout
            return len(sent) == 2

    def send(group):
        sent.append((clock[0], len(group)))
        return len(group)

    count = replay.replay(rows, 10.0, send, Stop(), lambda: clock[0])
    assert (count, sent) == (2, [(0.0, 1), (10.0, 1)])


def test_landing_has_them_with_their_times_and_sources(settings, tmp_path):
    commit(settings.root, "ingest", documents=[document(5, "b"), document(2)])
    result = CliRunner().invoke(
        main,
        [
            *("replay", "--data-prefix", settings.data_prefix),
            *("--since", "2026-10-09", "--until", "2026-10-10T00:00"),
            *("--into", str(tmp_path / "other")),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "2 of 2 documents replayed" in result.output
    (file,) = (tmp_path / "other" / "voevent" / "landing").glob("notices-*.parquet")
    rows = pq.read_table(file).to_pylist()
    assert rows == [document(2), document(5, "b")]


def test_a_broker_receives_the_voevents(settings):
    commit(
        settings.root,
        "ingest",
        documents=[document(1), document(2, "{}", format="gcn.notices")],
    )
    with broker() as server:
        send = replay.to_broker(server.server_address)
        assert send(replay.received(settings, DAY)) == 1
        assert server.taken == [b"a"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "say where to"),
        (["--into", "x", "--broker", "y"], "say where to"),
        (["--broker", "a:b"], "--broker: "),
        (["--into", "SAME"], "--into is the data prefix itself"),
        (["--since", "yesterday", "--into", "x"], "--since: 'yesterday' is not a time"),
    ],
)
def test_options_that_cannot_work_are_one_sentence(settings, options, text):
    given_ = [settings.data_prefix if o == "SAME" else o for o in options]
    times = ["--since", "2026-10-09", "--until", "2026-10-10"]
    command = ["replay", "--data-prefix", settings.data_prefix, *times, *given_]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert text in result.output
    assert "Traceback" not in result.output


def test_a_replay_gives_the_coincidences_of_the_first_time(
    pipeline, spark, datatest, tmp_path
):
    pipeline.notices()
    pipeline.alerts("early", "late")
    pipeline.match()
    again = Pipeline(spark, settings_in(Path(tmp_path, "again")), datatest)
    rows = replay.received(
        pipeline.settings, replay.Period(T0.replace(1990), T0.replace(2100))
    )
    replay.to_landing(again.settings.root)(rows)
    again.alerts("early", "late")
    again.match()
    again.spool.close()
    ignored = {"packet_file", "notice_received_at"}
    first, second = (
        [{k: v for k, v in pair.items() if k not in ignored} for pair in made]
        for made in (pipeline.current_pairs(), again.current_pairs())
    )
    assert first == second
    assert len(first) > 20
