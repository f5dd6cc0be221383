# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent convert``."""

from __future__ import annotations

import fastavro
import pyarrow.parquet as pq
from click.testing import CliRunner

from fink_voevent.cli.convert import command
from fink_voevent.notices import voevent


def run(*arguments: str):
    return CliRunner().invoke(command, list(arguments))


def test_each_alert_of_a_folder_becomes_a_file(datatest, tmp_path):
    out = tmp_path / "out"
    for folder, count in (("alerts", 126), ("rubin", 126)):
        done = run(str(datatest / folder), "--out", str(out / folder))
        assert done.exit_code == 0
        documents = [voevent.read(f.read_bytes()) for f in (out / folder).glob("*.xml")]
        assert len(documents) == count
        assert all(document.schema_valid for document in documents)


def test_an_avro_file_goes_to_standard_output(datatest, tmp_path):
    table = pq.read_table(datatest / "alerts" / "early.parquet").slice(0, 1)
    (alert,) = table.to_pylist()
    position = {k: alert["candidate"][k] for k in ("jd", "ra", "dec")}
    fields = [{"name": k, "type": "double"} for k in position]
    schema = {
        "type": "record",
        "name": "alert",
        "fields": [
            {"name": "candid", "type": "long"},
            {"name": "objectId", "type": "string"},
            {
                "name": "candidate",
                "type": {"type": "record", "name": "candidate", "fields": fields},
            },
        ],
    }
    packet = {"candid": alert["candid"], "objectId": "ZTF1", "candidate": position}
    with (tmp_path / "a.avro").open("wb") as file:
        fastavro.writer(file, schema, [packet])
    done = run(str(tmp_path / "a.avro"))
    assert done.exit_code == 0
    read_back = voevent.read(done.stdout_bytes[: done.stdout_bytes.rindex(b">") + 1])
    assert read_back.schema_valid
    assert read_back.values["alert_id"] == str(alert["candid"])


def test_alerts_that_cannot_be_converted_are_counted(datatest, tmp_path):
    pq.write_table(
        pq.read_table(datatest / "alerts" / "early.parquet", columns=["candid"]).slice(
            0, 3
        ),
        tmp_path / "a.parquet",
    )
    done = run(str(tmp_path / "a.parquet"))
    assert done.exit_code == 2
    assert "0 VOEvents written, 3 alerts cannot be converted" in done.output
