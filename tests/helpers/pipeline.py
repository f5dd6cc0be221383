# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The three stages of a test, driven step by step."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fink_client.avro_utils import AlertReader

from fink_voevent.config.load import load
from fink_voevent.config.settings import Settings
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.listen import landing
from fink_voevent.listen.files import documents
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.match import revisions
from fink_voevent.match import stage as match_stage
from fink_voevent.route import stage as route_stage
from fink_voevent.spark import dataframes
from fink_voevent.store import ledger
from fink_voevent.store.filesystem import open_store


def settings_in(folder: Path) -> Settings:
    """Give the settings of a night whose folders are all in one."""
    values = {
        "data_prefix": str(folder / "data"),
        "spool": str(folder / "spool"),
        "night": "20221009",
        "trigger_s": 0,
    }
    return load({}, values).settings


def finish(query) -> None:
    """Let a stage do all that there is to do, and stop it."""
    try:
        query.processAllAvailable()
    finally:
        query.stop()


class Pipeline:
    """The stages over folders of a test, driven step by step."""

    def __init__(self, spark, settings, datatest: Path) -> None:
        self.spark, self.settings, self.data = spark, settings, datatest
        self.science = Path(settings.data_prefix, "science", settings.night)
        self.incoming = Path(settings.data_prefix, "incoming")
        self.incoming.mkdir(parents=True)
        self.spool = Spool(settings.spool, settings.root)
        self.schema = spark.read.parquet(str(datatest / "alerts")).schema
        self.alerts()  # the folder, as raw2science makes it before its first alert

    def alerts(self, *names: str) -> None:
        """Alerts through a real Spark file sink, as raw2science writes them."""
        for name in names:
            shutil.copy(self.data / "alerts" / f"{name}.parquet", self.incoming)
        stream = self.spark.readStream.schema(self.schema).parquet(str(self.incoming))
        query = (
            stream.writeStream.format("parquet")
            .option("path", str(self.science))
            .option("checkpointLocation", f"{self.incoming}-checkpoint")
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()

    def notices(self, *names: str) -> None:
        paths = [str(self.data / "voevents" / f"{n}.xml") for n in names]
        found = documents(paths or [str(self.data / "voevents")])
        self.land(*[f.raw for f in found])

    def land(self, *raws: bytes) -> None:
        self.spool.append([Received(raw, "file", "test") for raw in raws])
        landing.drain(self.spool, open_store(self.settings.root).at("landing"))

    def run(self) -> None:
        """Let the three stages do all that there is to do."""
        self.match()
        self.route()

    def another_night(self, night: str) -> None:
        """Go on with a night that has no alerts yet."""
        self.settings = self.settings.model_copy(update={"night": night})
        self.science = Path(self.settings.data_prefix, "science", night)
        self.incoming = Path(self.settings.data_prefix, f"incoming-{night}")
        self.incoming.mkdir()
        self.alerts()

    def match(self) -> None:
        science = self.spark.readStream.schema(self.schema).parquet(str(self.science))
        tonight = self.settings.night
        finish(ingest_stage.start(self.spark, self.settings))
        finish(match_stage.start(self.spark, self.settings, tonight, science))

    def route(self) -> None:
        finish(route_stage.start(self.spark, self.settings))

    def journal(self):
        manifests = ledger.Ledger(self.settings.root, match_stage.STAGE).manifests()
        return dataframes.read(
            self.spark, self.settings.root, "coincidences", manifests
        )

    def standing(self) -> list[dict]:
        held = revisions.view(self.journal()).where("status IN ('new', 'update')")
        rows = held.orderBy("event_id", "alert_id").collect()
        return [row.asDict() for row in rows]

    def topics(self) -> dict[str, list[dict]]:
        folders = sorted(Path(self.settings.root, "topics").glob("*"))
        return {f.name: AlertReader(str(f)).to_list() for f in folders}


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """Pair by pair: identity, numbers and class."""
    identity = [(r["event_id"], int(r["alert_id"])) for r in expected]
    assert [(r["event_id"], r["alert_id"]) for r in found] == identity
    for ours, oracle in zip(found, expected, strict=True):
        assert ours["separation"] == pytest.approx(
            float(oracle["separation"]), abs=1e-9
        )
        level = float(oracle["credible_level"])
        assert ours["credible_level"] == pytest.approx(level, abs=1e-9)
        assert abs(ours["delay"] - float(oracle["delay"])) * 86400e6 < 1
        assert ours["prior_activity"] == oracle["prior_activity"]
        assert ours["object_id"] == oracle["object_id"]
