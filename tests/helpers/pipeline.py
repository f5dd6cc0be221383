# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The three stages, run step by step by a test."""

from __future__ import annotations

import copy
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
from fink_voevent.score import candidates
from fink_voevent.spark import dataframes
from fink_voevent.store.batches import FIRST, BatchLog, do_all
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import column_names


def settings_in(folder: Path) -> Settings:
    """Return the settings of a test, with all folders in one."""
    values = {
        "data_prefix": str(folder / "data"),
        "spool": str(folder / "spool"),
        "night": "20221009",
        "trigger_s": 0.2,  # with 0, Spark lists the folders in a busy loop
    }
    return load({}, values).settings


def finish(stage) -> None:
    """Let a stage process all of its input, and stop it."""
    try:
        do_all(stage)
    finally:
        stage.files.stop()


def coincidences(spark, root: str):
    """DataFrame of all coincidences that match has committed."""
    tables = Tables(root)
    last = BatchLog(tables, match_stage.STAGE).last_done()
    return dataframes.read(spark, tables, "coincidences", FIRST, last)


def candidate_rows(root: str) -> list[dict]:
    """Last rows of all candidates that match has committed, ranked as they are now."""
    tables = Tables(root)
    last = BatchLog(tables, match_stage.STAGE).last_done()
    columns = [*column_names("candidates"), "batch"]
    rows = candidates.view(tables.rows_of("candidates", columns, FIRST, last))
    return candidates.ranked(rows.drop_columns(["batch"])).to_pylist()


def facts(root: str, stage: str) -> list[dict]:
    """Facts of all batches of a stage that are done."""
    return BatchLog(Tables(root), stage).facts()


def has_matched_all(root: str) -> bool:
    """Whether match has read all notices and sky maps."""
    tables = Tables(root)
    log = BatchLog(tables, match_stage.STAGE)
    last = log.newest_planned("ztf", log.last_done() + 1)
    until = {} if last is None else last.input.until
    return not any(
        tables.rows_of(
            table, ["batch"], until.get(stage, -1) + 1, log.last_done(stage)
        ).num_rows
        for table, stage in (("events", "ingest"), ("maps", "maps"))
    )


class Pipeline:
    """The stages over the folders of a test, run step by step."""

    def __init__(self, spark, settings, datatest: Path) -> None:
        self.spark, self.settings, self.data = spark, settings, datatest
        self.science = Path(settings.data_prefix, "science", settings.night)
        self.incoming = Path(settings.data_prefix, "incoming")
        self.incoming.mkdir(parents=True)
        self.spool = Spool(settings.spool, settings.root)
        self.schema = spark.read.parquet(str(datatest / "alerts")).schema
        self.alerts()  # makes the folder, as raw2science does before its first alert

    def copied(self, settings: Settings) -> Pipeline:
        """Return stages over a copy of these tables, with the same science alerts."""
        shutil.copytree(self.settings.root, settings.root)
        other = copy.copy(self)
        other.settings = settings
        other.spool = Spool(settings.spool, settings.root)
        return other

    def alerts(self, *names: str) -> None:
        """Add alerts of datatest through a Spark file sink, as raw2science does."""
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
        """Land notices of datatest; all of them if none is named."""
        paths = [str(self.data / "voevents" / f"{n}.xml") for n in names]
        found = documents(paths or [str(self.data / "voevents")])
        self.land(*[f.raw for f in found])

    def land(self, *raws: bytes) -> None:
        """Land documents, as the listener does."""
        self.spool.append([Received(raw, "file", "test") for raw in raws])
        landing.drain(self.spool, open_store(self.settings.root).subfolder("landing"))

    def run(self) -> None:
        """Let the three stages process all of their input."""
        self.match()
        self.route()

    def another_night(self, night: str) -> None:
        """Continue with another night, which has no alerts yet."""
        self.settings = self.settings.model_copy(update={"night": night})
        self.science = Path(self.settings.data_prefix, "science", night)
        self.incoming = Path(self.settings.data_prefix, f"incoming-{night}")
        self.incoming.mkdir()
        self.alerts()

    def match(self) -> None:
        """Let ingest and match process all of their input."""
        night, science = self.settings.night, str(self.science)
        finish(ingest_stage.start(self.spark, self.settings))
        finish(
            match_stage.start(self.spark, self.settings, night, science, self.schema)
        )

    def route(self) -> None:
        """Let route process all of its input."""
        finish(route_stage.start(self.spark, self.settings))

    def journal(self):
        """DataFrame of all coincidences that match has committed."""
        return coincidences(self.spark, self.settings.root)

    def current_pairs(self) -> list[dict]:
        """Coincidences that are neither withdrawn nor retracted, sorted."""
        valid = revisions.view(self.journal()).where("status IN ('new', 'update')")
        rows = valid.orderBy("event_id", "alert_id").collect()
        return [row.asDict() for row in rows]

    def candidates(self) -> list[dict]:
        """Last rows of all candidates that match has committed, ranked."""
        return candidate_rows(self.settings.root)

    def topics(self) -> dict[str, list[dict]]:
        """Packets of each topic, as fink-client reads them."""
        folders = sorted(Path(self.settings.root, "topics").glob("*"))
        return {f.name: AlertReader(str(f)).to_list() for f in folders}


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """Check that pairs are the same: identity, numbers and prior activity."""
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


def assert_candidates(found: list[dict], pairs: list[dict]) -> None:
    """Check that candidates are those of the current pairs on the sky, and no others.

    Parameters
    ----------
    found : list of dict
        From `candidate_rows`.
    pairs : list of dict
        Coincidences that are neither withdrawn nor retracted.
    """
    alerts: dict[tuple[str, str], list[int]] = {}
    for row in pairs:
        if row["credible_level"] is not None:
            key = (row["event_id"], row["object_id"])
            alerts.setdefault(key, []).append(row["alert_id"])
    valid = [row for row in found if row["rank"] is not None]
    listed = {(row["event_id"], row["object_id"]): row["alert_ids"] for row in valid}
    assert listed == {key: sorted(ids) for key, ids in alerts.items()}
    assert all(row["reason"] for row in found if row["rank"] is None)
