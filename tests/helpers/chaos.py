# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Kill the stages at random moments, over random input."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.map_site import SlowSite, gaussian
from helpers.pipeline import facts, has_matched_all
from helpers.programs import wait_for
from notices import Notice, xml
from ztf_alerts import ALERT, alert

from fink_voevent.listen import landing
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.match import stage as match_stage
from fink_voevent.notices import normalisation
from fink_voevent.ops.status import Observer
from fink_voevent.sky import skymap
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store

DATA = Path(__file__).parents[2] / "datatest"

KILLS = int(os.environ.get("CHAOS", "1"))
# With this seed the first kill waits for match, after ingest; of the notices, six name
# a sky map and four are retractions.
SEED = int(os.environ.get("CHAOS_SEED", "8"))
NIGHTS = ("20240115", "20240116")
TIME = datetime(2024, 1, 15, 2, tzinfo=timezone.utc)
JD = 2460324.5
EVENTS = max(12, KILLS)  # so that there is new input until the last kill
ALERTS = max(300, 20 * KILLS)
LIMIT_S = 300 + 3 * KILLS
START_S = 180  # a stage that has input commits a batch within this time
# Stages from which the one is drawn whose next commit a kill waits for; None to kill
# while they start. Match is the last to commit.
AWAITED = (None, match_stage.STAGE, match_stage.STAGE, match_stage.STAGE, "ingest")
# For a JVM that lives for seconds: fast compilation, so that stages get to work sooner.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
AUTHORITY = "ivo://org.example/chaos"
BY_ADDRESS = 0.15  # share of notices that name a sky map instead of giving a circle
LATEST = 0.3  # share of the input after which a requested map exists, at the latest
# The command of the stages. It compacts tables early and often, so that it is killed
# meanwhile too.
STAGES = (
    "from fink_voevent import cli;"
    "from fink_voevent.store import upkeep;"
    "upkeep.MAX_SMALL_FILES = 3;"
    "cli.main(prog_name='fink_voevent')"
)


def notices(rng: random.Random, server: SlowSite) -> list[bytes]:
    """Random notices: versions of events, each citing the last, in random order.

    Of the events with several versions, one in three is retracted. Sky maps that
    notices name are put on the server, which serves them after a delay.
    """
    documents = []
    for number in range(EVENTS):
        place = (rng.uniform(0, 40), rng.uniform(-20, 20))
        count = rng.randint(1, 4)
        for version in range(count):
            ra, dec = (c + rng.uniform(-2, 2) for c in place)
            is_retraction = version == count - 1 > 0 and rng.random() < 0.33
            cite = "retraction" if is_retraction else "supersedes"
            earlier = ((f"{AUTHORITY}#E{number}-{version - 1}", cite),)
            position = None if is_retraction else (ra % 360, dec, rng.uniform(0.5, 6))
            params = ()
            if position and rng.random() < BY_ADDRESS:
                late, content = rng.uniform(0, LATEST), gaussian(*position)
                url = server.add_late(f"E{number}-{version}", content, late)
                params, position = (("skymap_fits", url, ""),), None
            notice = Notice(
                f"{number}-{version}",
                f"{AUTHORITY}#E{number}-{version}",
                f"{TIME + timedelta(hours=version + 1):%Y-%m-%dT%H:%M:%S}",
                f"{TIME + timedelta(hours=number % 12):%Y-%m-%dT%H:%M:%S}",
                params,
                position,
                cites=earlier if version else (),
            )
            documents.append(xml(notice).encode())
    rng.shuffle(documents)
    return documents


def alerts(rng: random.Random, count: int) -> list[dict]:
    """Random alerts of both nights, in no order."""
    return [
        alert(
            number, f"ZTF24chaos{number:03d}", rng.uniform(-5, 45) % 360,
            rng.uniform(-25, 25), JD + rng.uniform(0, 2), 19.0, 0.0, None, "Unknown",
            0.9,
        )
        for number in range(count)
    ]  # fmt: skip


class Chaos:
    """Gives input to the stages, and kills them."""

    def __init__(self, spark, settings, server: SlowSite, seed: int) -> None:
        self.spark, self.rng = spark, random.Random(seed)  # noqa: S311
        self.settings = settings
        self.data = Path(settings.data_prefix)
        self.maps = server
        self.notices = notices(self.rng, server)
        self.alerts = alerts(self.rng, ALERTS)
        self.spool = Spool(settings.spool, settings.root)
        self._arrived = 0.0
        self._files = 0
        for name in NIGHTS:
            (self.data / "incoming" / name).mkdir(parents=True)
        self.feed(0.1)

    def feed(self, share: float) -> None:
        """Let a share of the input arrive, and some of the earlier input again."""
        before, after = self._arrived, min(1.0, self._arrived + share)
        self._arrived = self.maps.now = after
        for every, send in ((self.notices, self._land), (self.alerts, self._alert)):
            first, last = (int(part * len(every)) for part in (before, after))
            again = self.rng.sample(every[:first], min(2, first))
            send(every[first:last] + again)

    def _land(self, raws: list[bytes]) -> None:
        self.spool.append([Received(raw, "file", "chaos") for raw in raws])
        landing.drain(self.spool, open_store(self.settings.root).subfolder("landing"))

    def _alert(self, rows: list[dict]) -> None:
        for name, first in zip(NIGHTS, (JD, JD + 1), strict=True):
            tonight = [r for r in rows if _within(r, first)]
            if tonight:
                self._sink(name, tonight)

    def _sink(self, name: str, rows: list[dict]) -> None:
        """Write alerts through a Spark file sink, as raw2science does."""
        self._files += 1
        incoming = self.data / "incoming" / name
        table = pa.Table.from_pylist(rows, schema=ALERT)
        pq.write_table(table, incoming / f"{self._files}.parquet")
        schema = self.spark.read.parquet(str(incoming)).schema
        stream = self.spark.readStream.schema(schema).parquet(str(incoming))
        writer = stream.writeStream.format("parquet").trigger(availableNow=True)
        query = writer.option("checkpointLocation", f"{incoming}-checkpoint").start(
            str(self.data / "science" / name)
        )
        query.awaitTermination()

    @contextlib.contextmanager
    def stages(self, name: str):
        """Run the stages for a night; kill them at the end if they still run."""
        environment = {
            "VOEVENT_DATA_PREFIX": str(self.data),
            "VOEVENT_SPOOL": self.settings.spool,
            "VOEVENT_TRIGGER_S": "0.2",
            "VOEVENT_SKYMAP_HOSTS": "127.0.0.1",
            "VOEVENT_WARMUP_NOTICES": "0",
            "VOEVENT_SPARK_MASTER": "local[2]",
            "JDK_JAVA_OPTIONS": JAVA_OPTIONS,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", STAGES, "stages", "--night", name],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()

    def kill_once(self) -> None:
        """Start the stages on a random night, give input, kill at a random moment.

        Some are killed while they start, the others after one of the stages, drawn at
        random, has committed a batch.
        """
        share, awaited = 1 / (KILLS + 1), self.rng.choice(AWAITED)
        before = self.committed()
        with self.stages(self.rng.choice(NIGHTS)):
            end = time.monotonic() + (START_S if awaited else self.rng.uniform(4, 15))
            while time.monotonic() < end:
                part = min(share, self.rng.uniform(0, 1 / 3 / (KILLS + 1)))
                share -= part
                if part:
                    self.feed(part)
                time.sleep(self.rng.uniform(0, 1))
                if awaited and self.committed()[awaited] != before[awaited]:
                    awaited, end = None, time.monotonic() + self.rng.uniform(0, 5)

    def finish(self) -> None:
        """Let all input arrive, and the stages process both nights to the end."""
        self.feed(1.0)
        self.maps.now = math.inf
        observer = Observer(self.settings.root)
        for name, first in zip(NIGHTS, (JD, JD + 1), strict=True):
            alerts = {a["candid"] for a in self.alerts if _within(a, first)}
            with self.stages(name) as process:

                def done(name: str = name, count: int = len(alerts)) -> bool:
                    assert process.poll() is None, process.stderr.read()
                    return self._matched(name) == count and self._is_done(observer)

                wait_for(done, LIMIT_S)
                process.send_signal(signal.SIGTERM)
                process.wait(60)

    def _matched(self, name: str) -> int:
        """Count the alerts of a night that are matched."""
        done = facts(self.settings.root, match_stage.STAGE)
        return sum(one["alerts"] for one in done if one["night"] == name)

    def _is_done(self, observer: Observer) -> bool:
        """Whether all notices are read, matched and routed, with their sky maps."""
        status = observer.status()
        is_matched = has_matched_all(self.settings.root)
        is_matched = is_matched and status.unplaced_notices == 0
        is_read = status.events == len(self.notices) and status.lag_s == 0
        return is_read and is_matched and observer.route_is_done()

    def committed(self) -> dict[str, int]:
        """Count the batches of each stage that are done."""
        log = BatchLog(Tables(self.settings.root), "")
        stages = ("ingest", match_stage.STAGE, "route", "maps")
        return {name: log.last_done(name) + 1 for name in stages}

    def region_at(self, url: str) -> dict[str, list[dict]]:
        """Region of the sky map at an address: its `cells` and `pixels`."""
        read = skymap.read(self.maps.files[url.removeprefix(self.maps.address)])
        cells = [{"lo": lo, "hi": hi} for lo, hi in read.ranges()]
        return {"cells": cells, "pixels": normalisation.pixel_rows(read)}

    def journal(self) -> list[dict]:
        """Rows of all coincidences that match has committed."""
        return Observer(self.settings.root).coincidences()


def _within(row: dict, first_jd: float) -> bool:
    return first_jd <= row["candidate"]["jd"] < first_jd + 1
