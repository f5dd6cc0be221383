# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The ``VOEVENT_*`` settings: typed, checked, each with its origin.

Precedence, weakest first: defaults, the options that ``bin/fink`` passes, the
environment (``VOEVENT_*``), our own command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fink_voevent.errors import ConfigError

PREFIX = "VOEVENT_"
DEFAULT_PORT = 8099  # VTP, broker to subscriber: convention


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
        description="VTP brokers to subscribe to, host[:port],...;"
        f" the port is {DEFAULT_PORT} where absent",
    )
    local_ivo: str = Field(
        "ivo://org.fink-broker/voevent",
        pattern=r"^ivo://[A-Za-z0-9][\w.~*'()-]{2,}(/\S*)?$",
        description="who we are, in acknowledgements",
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
    window: str = Field(
        "",
        description="BEFORE,AFTER in days, in place of the streams' own windows",
    )
    cell_order: int = Field(
        0,
        ge=0,
        le=10,
        description="HEALPix order of the pre-selection; 0 chooses. The result is the"
        " same at any order",
    )
    allow_tests: bool = Field(
        False, description="match tests and injections too (never on a science topic)"
    )
    streams: str = Field(
        "", description="file of streams that extends or overrides streams.toml"
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
    spark_master: str = Field(
        "", description="Spark master; empty is what spark-submit says, else local[*]"
    )
    driver_memory: str = Field(
        "2g", pattern=r"^\d+[kmgt]$", description="memory of a driver that we start"
    )

    @field_validator("sources")
    @classmethod
    def _sources(cls, value: str) -> str:
        parse_sources(value)
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


def parse_sources(text: str) -> list[tuple[str, int]]:
    """Addresses of ``host[:port],...``; raises ValueError with the faulty one."""
    addresses = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        host, colon, port = part.partition(":")
        if not host or (colon and not (port.isdigit() and 0 < int(port) < 65536)):
            raise ValueError(f"{part!r} is not host or host:port")
        addresses.append((host, int(port) if colon else DEFAULT_PORT))
    return addresses


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


@dataclass(frozen=True)
class Configuration:
    """The merged settings and where each came from."""

    settings: Settings
    origin: Mapping[str, str]


def load(
    environment: Mapping[str, str],
    command_line: Mapping[str, Any] | None = None,
    fink_options: Mapping[str, Any] | None = None,
) -> Configuration:
    """Merge and check the settings.

    Parameters
    ----------
    environment : mapping
        Usually ``os.environ``. ``ONLINE_DATA_PREFIX`` and ``SUBSTREAM_PREFIX`` of
        Fink's own configuration are defaults of ours.
    command_line, fink_options : mapping, optional
        Values by setting name; a None is no value.

    Raises
    ------
    ConfigError
        With one line that names the setting, the value and what is allowed.
    """
    layers = [
        ("fink.conf", _fink_environment(environment)),
        ("bin/fink", fink_options or {}),
        ("environment", _own_environment(environment)),
        ("command line", command_line or {}),
    ]
    values: dict[str, Any] = {}
    origin = dict.fromkeys(Settings.model_fields, "default")
    for name, layer in layers:
        for key, value in layer.items():
            if value is not None:
                values[key], origin[key] = value, name
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError(_one_line(error, origin)) from None
    return Configuration(settings, origin)


def _fink_environment(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = (
        ("data_prefix", "ONLINE_DATA_PREFIX"),
        ("topic_prefix", "SUBSTREAM_PREFIX"),
    )
    return {ours: environment[name] for ours, name in pairs if environment.get(name)}


def _own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, 1)
            hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
            raise ConfigError(
                f"{name} is not a setting{hint} (fink_voevent config lists all)"
            )
        if value:  # empty is unset: voevent.conf exports what has no default so
            values[key] = value
    return values


def _one_line(error: ValidationError, origin: Mapping[str, str]) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0])
    reason = str(first["msg"]).removeprefix("Value error, ")
    given = f"{PREFIX}{key.upper()}={first['input']!r}"
    return f"{given}, from the {origin.get(key)}: {reason}"
