# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The ``VOEVENT_*`` settings: names, types, ranges, meanings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from fink_voevent.config.addresses import DEFAULT_PORT, parse_kafka, parse_sources

PREFIX = "VOEVENT_"
AUTHOR_PORT = 8098  # VTP, author to broker


class Settings(BaseModel):
    """All settings. The name of each in the environment is ``VOEVENT_<NAME>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_prefix: str = Field(
        "voevent-data",
        description="where Fink keeps its online data (Fink: ONLINE_DATA_PREFIX);"
        " our tables lie in its folder voevent; path or URI (hdfs://, s3a://, file://)",
    )
    survey: Literal["ztf", "rubin"] = Field("ztf", description="survey of the alerts")
    night: str = Field(
        "",
        pattern=r"^(\d{8})?$",
        description="night to match, YYYYMMDD; empty is the current UTC day",
    )
    sources: str = Field(
        "",
        description="what to subscribe to, separated by commas: VTP brokers host[:port]"
        f" (the port is {DEFAULT_PORT} where absent), topics of a Kafka"
        " kafka://host:port/TOPIC+TOPIC, topics of GCN gcn://TOPIC+TOPIC",
    )
    source_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to connect to the kafka:// sources"
    )
    source_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="how to log in to them, with SASL"
    )
    source_username: str = Field("", description="for SASL, of the kafka:// sources")
    source_password: SecretStr = Field(
        SecretStr(""), description="for SASL; never shown or logged"
    )
    source_ca: str = Field(
        "",
        description="file of certificate authorities, for SSL of the kafka:// sources;"
        " empty is the system's",
    )
    gcn_client_id: str = Field("", description="for gcn:// sources: your id at GCN")
    gcn_client_secret: SecretStr = Field(
        SecretStr(""), description="for gcn:// sources; never shown or logged"
    )
    local_ivo: str = Field(
        "ivo://org.fink-broker/voevent",
        pattern=r"^ivo://[A-Za-z0-9][\w.~*'()-]{2,}(/[^\s#?/]+)*$",
        description="who we are: in acknowledgements, and the first part of the"
        " identifiers of what we send; notices of its authority are not ingested",
    )
    spool: str = Field(
        str(Path.home() / ".fink_voevent" / "spool"),
        description="local folder in which a notice is kept until it has landed",
    )
    max_message_bytes: int = Field(
        16 * 2**20, ge=10**5, description="largest document accepted (bytes)"
    )
    max_reconnect_s: float = Field(
        60.0, gt=0, le=3600, description="longest wait before reconnecting (s)"
    )
    landing_s: float = Field(
        1.0, gt=0, le=3600, description="spool to landing, every (s)"
    )
    trigger_s: float = Field(
        2.0, ge=0, le=3600, description="micro-batches of each stage, every (s)"
    )
    wait_s: float = Field(
        3600.0, ge=0, description="wait for a missing input at most (s)"
    )
    status_s: float = Field(60.0, gt=0, description="status line, every (s)")
    credible_level: float = Field(
        0.95,
        gt=0,
        le=0.99,
        description="alerts within this credible level of a region are matched (0-1);"
        " regions are covered up to 0.99",
    )
    cap_deg2: float = Field(
        5000.0,
        gt=0,
        le=41253,
        description="largest part of the sky that an event is matched on (deg2): the"
        " most probable; alerts of the rest are counted. 41253 is all of the sky",
    )
    window: str = Field(
        "",
        description="BEFORE,AFTER in days, in place of the streams' own windows",
    )
    keep_days: int = Field(
        0,
        ge=0,
        description="days for which alerts are kept, for notices that come late; those"
        " that coincide with an event are always kept. 0 keeps all",
    )
    warmup_notices: int = Field(
        6,
        ge=0,
        le=50,
        description="made-up notices that meet one of the night's alerts when the"
        " stages start, apart from all real ones: the first real notice is then as"
        " quick as the later. 0 makes none",
    )
    cell_order: int = Field(
        0,
        ge=0,
        le=10,
        description="HEALPix order of the pre-selection; 0 chooses. The result is the"
        " same at any order",
    )
    allow_tests: bool = Field(
        False, description="match tests and injections too; their topics end in _test"
    )
    streams: str = Field(
        "", description="file of streams that extends or overrides streams.toml"
    )
    skymap_hosts: str = Field(
        "",
        description="hosts from which sky maps are fetched that a notice gives by its"
        " address only: NAME,...; empty fetches none",
    )
    filters: str = Field(
        "fink_voevent.filters",
        description="packages that hold filter_NAME/filter.py, separated by commas",
    )
    topic_prefix: str = Field(
        "fink_",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="first part of every topic (Fink: SUBSTREAM_PREFIX)",
    )
    legacy_topics: bool = Field(
        False,
        description="send to fink_grb_bronze, _silver, _gold and fink_gw_bronze too, as"
        " fink-mm did; never while that runs",
    )
    json_notices: bool = Field(
        False,
        description="with Kafka: send each coincidence that goes to a topic as a JSON"
        " notice too, of GCN's core schema (FollowUp), to PREFIXvoevent_notices_ztf or"
        " _lsst",
    )
    kafka_servers: str = Field(
        "",
        description="Kafka brokers to send packets to, host:port,... (Fink:"
        " DISTRIBUTION_SERVERS); empty writes Avro files, a folder for each topic",
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to connect (Fink: KAFKA_SECURITY_PROTOCOL)"
    )
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="how to log in, with SASL"
    )
    kafka_username: str = Field("", description="for SASL")
    kafka_password: SecretStr = Field(
        SecretStr(""), description="for SASL; never shown or logged"
    )
    kafka_ca: str = Field(
        "",
        description="file of certificate authorities, for SSL; empty is the system's",
    )
    heartbeat_s: float = Field(
        60.0,
        ge=0,
        description="a message to the heartbeat topic every (s), where Kafka is set; 0"
        " sends none",
    )
    archive_prefix: str = Field(
        "",
        description="where Fink keeps its archive (Fink: AGG_DATA_PREFIX): packets are"
        " read from there once the night's own files are gone",
    )
    publish: str = Field(
        "",
        description="filters whose coincidences go out as VOEvents: NAME,...",
    )
    publish_topics: str = Field(
        "",
        description="Fink topics whose alerts go out as VOEvents, separated by commas",
    )
    publish_servers: str = Field(
        "",
        description="Kafka brokers of these topics, host:port,...; empty is"
        " VOEVENT_KAFKA_SERVERS",
    )
    publish_to: str = Field(
        f"127.0.0.1:{AUTHOR_PORT}",
        description="VTP broker to send VOEvents to, host:port; ours is"
        " `fink_voevent broadcast`",
    )
    publish_dry_run: bool = Field(
        True, description="make VOEvents and keep them, send nothing"
    )
    publish_per_hour: int = Field(60, ge=1, description="VOEvents sent at most (h-1)")
    publish_contact: str = Field(
        "", description="address for questions about what we send, in each VOEvent"
    )
    broadcast_port: int = Field(
        DEFAULT_PORT, ge=0, le=65535, description="port for subscribers of `broadcast`"
    )
    broadcast_receive_port: int = Field(
        AUTHOR_PORT,
        ge=0,
        le=65535,
        description="port of loopback at which `broadcast` takes VOEvents",
    )
    broadcast_allow: str = Field(
        "127.0.0.1/32",
        description="networks whose subscribers are served, CIDR, separated by commas",
    )
    broadcast_test_s: int = Field(
        3600, ge=0, description="a test event to subscribers every (s); 0 sends none"
    )
    spark_master: str = Field(
        "", description="Spark master; empty is what spark-submit says, else local[*]"
    )
    driver_memory: str = Field(
        "2g", pattern=r"^\d+[kmgt]$", description="memory of a driver that we start"
    )

    @field_validator("sources", "publish_to")
    @classmethod
    def _sources(cls, value: str) -> str:
        parse_sources(value)
        parse_kafka(value)
        return value

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        parse_window(value)
        return value

    @property
    def root(self) -> str:
        """Folder of our tables."""
        return self.data_prefix.rstrip("/") + "/voevent"


def parse_window(text: str) -> tuple[float, float] | None:
    """(before, after) in days of ``BEFORE,AFTER``; None where empty."""
    if not text:
        return None
    try:
        before, after = (float(p) for p in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not BEFORE,AFTER in days, as 1,7") from None
    if not (-before <= after and abs(before) < 1e6 and abs(after) < 1e6):
        raise ValueError(f"{text!r}: the window is empty or beyond a million days")
    return before, after
