# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The ``VOEVENT_*`` settings: names, types, ranges, meanings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from fink_voevent.config.addresses import (
    DEFAULT_PORT,
    parse_entries,
    parse_kafka,
    parse_sources,
)
from fink_voevent.config.store_options import parse_store_options

PREFIX = "VOEVENT_"
LONGEST_D = 1e6  # longest part of a window (d)
AUTHOR_PORT = 8098  # VTP, author to broker, by convention


class Settings(BaseModel):
    """All settings. The name of each in the environment is ``VOEVENT_<NAME>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_prefix: str = Field(
        "voevent-data",
        description="folder of Fink's online data (Fink: ONLINE_DATA_PREFIX): a"
        " path or a URI (hdfs://, s3a://, file://). Our tables are in its folder"
        " voevent",
    )
    store_options: SecretStr = Field(
        SecretStr(""),
        description="options of HDFS or S3 for the data prefix, with the names of"
        " Hadoop or AWS: a JSON object, or NAME=VALUE separated by commas, such as"
        " fs.s3a.endpoint=https://s3.example.org:9000,fs.s3a.access.key=... Empty is"
        " what spark-defaults.conf and spark-submit set as spark.hadoop.*; never shown"
        " or logged",
    )
    survey: Literal["ztf", "rubin"] = Field(
        "ztf", description="survey of the alerts; lsst is rubin"
    )
    night: str = Field(
        "",
        pattern=r"^(\d{8})?$",
        description="night to match, YYYYMMDD; empty is the current UTC day",
    )
    sources: str = Field(
        "",
        description="what to subscribe to, separated by commas: VTP brokers host[:port]"
        f" (the default port is {DEFAULT_PORT}), topics of Kafka brokers"
        " kafka://host:port/TOPIC+TOPIC, topics of GCN gcn://TOPIC+TOPIC."
        " ADDRESS=ivo://AUTHORITY/*+... names the publishers for which a source may"
        " speak; NAME=ADDRESS,ADDRESS says that addresses are one source (a semicolon"
        " ends them). The source land is the command land from standard input; parquet"
        " are files of other programs in landing",
    )
    source_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to connect to the kafka:// sources"
    )
    source_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism of the kafka:// sources"
    )
    source_username: str = Field("", description="SASL user of the kafka:// sources")
    source_password: SecretStr = Field(
        SecretStr(""),
        description="SASL password of the kafka:// sources; never shown or logged",
    )
    source_ca: str = Field(
        "",
        description="file of certificate authorities, for SSL of the kafka://"
        " sources; empty is the system's own",
    )
    gcn_client_id: str = Field(
        "", description="client ID at GCN, for the gcn:// sources"
    )
    gcn_client_secret: SecretStr = Field(
        SecretStr(""),
        description="client secret at GCN, for the gcn:// sources; never shown or"
        " logged",
    )
    local_ivo: str = Field(
        "ivo://org.fink-broker/voevent",
        pattern=r"^ivo://[A-Za-z0-9][\w.~*'()-]{2,}(/[^\s#?/]+)*$",
        description="our own identifier: sent in acknowledgements, and the first part"
        " of the identifiers of the VOEvents that we send. Notices of its authority"
        " are not ingested",
    )
    spool: str = Field(
        str(Path.home() / ".fink_voevent" / "spool"),
        description="folder on a local disk that keeps each document until it has"
        " landed",
    )
    max_message_bytes: int = Field(
        16 * 2**20, ge=10**5, description="largest document that is accepted (bytes)"
    )
    max_reconnect_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="longest wait before a connection is tried again (s)",
    )
    landing_s: float = Field(
        1.0,
        gt=0,
        le=3600,
        description="interval between two transfers from the spool to landing (s)",
    )
    trigger_s: float = Field(
        2.0,
        ge=0,
        le=3600,
        description="interval between two micro-batches of a stage (s)",
    )
    wait_s: float = Field(
        3600.0, ge=0, description="longest wait for an input that is missing (s)"
    )
    status_s: float = Field(
        60.0, gt=0, description="interval between two status lines (s)"
    )
    min_free_mb: float = Field(
        2000.0,
        ge=0,
        description="free space that is wanted on the disks of the tables and of the"
        " spool (MB): with less the status is degraded, with a tenth of it down",
    )
    metrics_address: str = Field(
        "127.0.0.1:8097",
        description="where `run` and `fink_voevent metrics` serve /metrics, for"
        " Prometheus, and /healthz: host:port; empty serves nothing",
    )
    pages: str = Field(
        "",
        description="folder on a local disk for the pages of events, which `run` then"
        " keeps up to date; empty: `run` makes none, and `page` makes them in ./pages",
    )
    serve_address: str = Field(
        "127.0.0.1:8096",
        description="where `serve` shows pages of events and answers programs:"
        " host:port; 127.0.0.1 is reached from the same machine only",
    )
    serve_hosts: str = Field(
        "",
        description="names under which browsers may reach `serve`, besides its own"
        " address and localhost: NAME,...; behind a proxy, the name of its site",
    )
    credible_level: float = Field(
        0.95,
        gt=0,
        le=0.99,
        description="credible level of a region within which alerts are matched"
        " (0-1, at most 0.99)",
    )
    cap_deg2: float = Field(
        5000.0,
        gt=0,
        le=41253,
        description="largest area on which one event is matched (deg2): the most"
        " probable part of a larger region is matched, and the alerts in the rest"
        " are counted. 41253 is the whole sky",
    )
    window: str = Field(
        "",
        description="BEFORE,AFTER in days: a time window for all events, in place"
        " of those of the streams; empty uses those",
    )
    keep_days: int = Field(
        0,
        ge=0,
        description="days for which the alerts of past nights are kept, for notices"
        " that come late; alerts of coincidences are always kept. 0 keeps all",
    )
    history_days: int = Field(
        7,
        ge=7,
        le=3650,
        description="days for which earlier versions of the tables can be read; files"
        " that only older versions have are removed",
    )
    warmup_notices: int = Field(
        6,
        ge=0,
        le=50,
        description="artificial notices that are matched with an alert of the night"
        " when the stages start, separate from all real ones, so that the first"
        " real notice is processed as quickly as later ones. 0 makes none",
    )
    cell_order: int = Field(
        0,
        ge=0,
        le=10,
        description="HEALPix order of the pre-selection; 0 chooses it. The result"
        " is the same at any order",
    )
    allow_tests: bool = Field(
        False,
        description="match tests and injections too; the names of their topics end"
        " in _test",
    )
    streams: str = Field(
        "",
        description="file of streams that extends or overrides the built-in"
        " streams.toml",
    )
    skymap_hosts: str = Field(
        "",
        description="hosts from which a sky map may be fetched that a notice gives"
        " by its address only: NAME,...; empty fetches none",
    )
    filters: str = Field(
        "fink_voevent.filters",
        description="packages that contain filter_NAME/filter.py, separated by commas",
    )
    topic_prefix: str = Field(
        "fink_",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="first part of the name of every topic (Fink: SUBSTREAM_PREFIX)",
    )
    legacy_topics: bool = Field(
        False,
        description="also send to fink_grb_bronze, _silver, _gold and"
        " fink_gw_bronze, the topics of fink-mm; refused while fink-mm is enabled",
    )
    json_notices: bool = Field(
        False,
        description="with Kafka: also send each coincidence that goes to a topic as a"
        " JSON notice of GCN's core schema (FollowUp), to PREFIXvoevent_notices_ztf"
        " or _lsst",
    )
    kafka_servers: str = Field(
        "",
        description="Kafka brokers to which packets are sent, host:port,...; empty"
        " writes Avro files, one folder for each topic. In voevent.conf the value fink"
        " takes brokers, security and login from Fink's fink.conf.distribution",
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="how to connect to them (as KAFKA_SECURITY_PROTOCOL in Fink, whose"
        " VD is PLAINTEXT)",
    )
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism"
    )
    kafka_username: str = Field("", description="SASL user")
    kafka_password: SecretStr = Field(
        SecretStr(""), description="SASL password; never shown or logged"
    )
    kafka_ca: str = Field(
        "",
        description="file of certificate authorities, for SSL; empty is the"
        " system's own",
    )
    heartbeat_s: float = Field(
        60.0,
        ge=0,
        description="interval between two messages to the heartbeat topic, with"
        " Kafka (s); 0 sends none",
    )
    archive_prefix: str = Field(
        "",
        description="folder of Fink's archive (Fink: AGG_DATA_PREFIX), from which"
        " packets are read once the files of a night are gone",
    )
    publish: str = Field(
        "",
        description="filters whose coincidences are sent as VOEvents: NAME,...",
    )
    publish_topics: str = Field(
        "",
        description="Fink topics whose alerts are sent as VOEvents, separated by"
        " commas",
    )
    publish_servers: str = Field(
        "",
        description="Kafka brokers of these topics, host:port,...; empty is"
        " VOEVENT_KAFKA_SERVERS",
    )
    publish_to: str = Field(
        "",
        description="VTP broker to which VOEvents are sent, host:port; empty is that"
        " of `fink_voevent broadcast` with the same VOEVENT_SPOOL, which only its own"
        " user can reach",
    )
    publish_dry_run: bool = Field(
        True, description="compose VOEvents and keep them, but send nothing"
    )
    publish_per_hour: int = Field(
        60,
        ge=1,
        description="largest number of VOEvents that are sent in an hour: of"
        " coincidences; of these and alerts of topics together; and of all with those"
        " of files. Retractions are always sent",
    )
    publish_backlog: int = Field(
        1000,
        ge=1,
        description="largest number of VOEvents that wait to be sent, of each kind"
        " (coincidences, alerts of topics, alerts of files); what exceeds it waits"
        " where it is: in our tables, in Kafka, in the files",
    )
    publish_contact: str = Field(
        "", description="e-mail address for questions, in each VOEvent"
    )
    notify: SecretStr = Field(
        SecretStr(""),
        description="where `notify` sends messages: addresses of apprise, separated by"
        " blanks; never shown or logged",
    )
    notify_filters: str = Field(
        "",
        description="filters about whose objects `notify` sends messages: NAME,...",
    )
    notify_per_hour: int = Field(
        20,
        ge=1,
        description="largest number of messages in an hour; the last one is a digest",
    )
    broadcast_port: int = Field(
        DEFAULT_PORT, ge=0, le=65535, description="port of `broadcast` for subscribers"
    )
    broadcast_allow: str = Field(
        "127.0.0.1/32",
        description="networks of the subscribers that are served, in CIDR notation,"
        " separated by commas",
    )
    broadcast_subscribers: int = Field(
        100,
        ge=1,
        le=1000,
        description="largest number of subscribers that are connected at the same time,"
        " at most 20 of them from one address",
    )
    broadcast_test_s: int = Field(
        3600,
        ge=0,
        description="interval between two test events to subscribers (s); 0 sends none",
    )
    spark_master: str = Field(
        "", description="Spark master; empty is that of spark-submit, or else local[*]"
    )
    driver_memory: str = Field(
        "2g",
        pattern=r"^\d+[kmgt]$",
        description="memory of a Spark driver that we start, such as 2g",
    )

    @field_validator("survey", mode="before")
    @classmethod
    def _survey(cls, value: object) -> object:
        return "rubin" if value == "lsst" else value

    @field_validator("store_options")
    @classmethod
    def _store_options(cls, value: SecretStr) -> SecretStr:
        parse_store_options(value.get_secret_value())
        return value

    @field_validator("kafka_security", mode="before")
    @classmethod
    def _kafka_security(cls, value: object) -> object:
        # with VD, Fink's distribute gives Kafka no protocol: the default is PLAINTEXT
        return "PLAINTEXT" if value == "VD" else value

    @field_validator("sources", "publish_to")
    @classmethod
    def _sources(cls, value: str) -> str:
        parse_entries(value)
        parse_sources(value)
        parse_kafka(value)
        return value

    @field_validator("metrics_address", "serve_address")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{value!r} is not host:port")
        return value

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        parse_window(value)
        return value

    @property
    def root(self) -> str:
        """Folder of our tables, below `data_prefix`."""
        return self.data_prefix.rstrip("/") + "/voevent"


def parse_window(text: str) -> tuple[float, float] | None:
    """Parse a time window.

    Parameters
    ----------
    text : str
        ``BEFORE,AFTER`` in days, such as ``1,7``.

    Returns
    -------
    tuple of float or None
        Days before and after the event; None if `text` is empty.

    Raises
    ------
    ValueError
        If it is not a window, in one sentence.
    """
    if not text:
        return None
    try:
        before, after = (float(p) for p in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not BEFORE,AFTER in days, as 1,7") from None
    if not (0 <= before < LONGEST_D and 0 <= after < LONGEST_D):
        raise ValueError(
            f"{text!r}: BEFORE and AFTER are days before and after the event, each from"
            " 0 to a million"
        )
    return before, after
