# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Options of HDFS and S3, as each client wants them: pyarrow, delta-rs, hdfs-native.

From the lowest to the highest precedence: the environment variables of AWS,
``spark.hadoop.*`` of ``spark-defaults.conf``, and ``VOEVENT_STORE_OPTIONS``, to which
the services of Fink add what spark-submit was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fink_voevent.config.store_options import (
    OF_AWS,
    of_spark,
    parse_spark_defaults,
    parse_store_options,
)
from fink_voevent.errors import ConfigError, StorageError

VARIABLE = "VOEVENT_STORE_OPTIONS"
DEFAULT_REGION = "us-east-1"  # of gateways, which have none
# hdfs-native tries for three minutes by default, and a person would wait for it.
HDFS_DEFAULTS = {
    "dfs.client.failover.max.attempts": "3",
    "dfs.client.failover.sleep.base.millis": "300",
    "dfs.client.failover.sleep.max.millis": "1500",
}
_DELTA_NAMES = {
    "fs.s3a.access.key": "aws_access_key_id",
    "fs.s3a.secret.key": "aws_secret_access_key",
    "fs.s3a.session.token": "aws_session_token",
}
_ARROW_NAMES = {
    "fs.s3a.access.key": "access_key",
    "fs.s3a.secret.key": "secret_key",
    "fs.s3a.session.token": "session_token",
}


def store_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options of stores that an environment gives, by Hadoop's name.

    Parameters
    ----------
    environment : mapping
        Usually ``os.environ``. ``SPARK_CONF_DIR`` or ``SPARK_HOME`` says where
        ``spark-defaults.conf`` is.

    Raises
    ------
    ConfigError
        If ``VOEVENT_STORE_OPTIONS`` is wrong.
    StorageError
        If ``spark-defaults.conf`` cannot be read.
    """
    named = {
        hadoop: environment[name]
        for name, hadoop in OF_AWS.items()
        if environment.get(name)
    }
    try:
        given = parse_store_options(environment.get(VARIABLE, ""))
    except ValueError as error:
        raise ConfigError(f"{VARIABLE}: {error}") from None
    return {**named, **of_spark(_spark_defaults(environment)), **given}


def _spark_defaults(environment: Mapping[str, str]) -> dict[str, str]:
    home = environment.get("SPARK_HOME", "")
    folder = environment.get("SPARK_CONF_DIR") or (f"{home}/conf" if home else "")
    path = Path(folder, "spark-defaults.conf")
    if not folder or not path.exists():
        return {}
    try:
        return parse_spark_defaults(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None


def for_delta(scheme: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of delta-rs for a store.

    Parameters
    ----------
    scheme : str
        ``s3``, ``hdfs`` or another, which has none.
    options : mapping
        As `store_options` returns them.
    """
    if scheme in ("hdfs", "viewfs"):
        return for_hdfs(options)
    if scheme != "s3":
        return {}
    found = {
        ours: options[name] for name, ours in _DELTA_NAMES.items() if name in options
    }
    endpoint = _endpoint(options)
    if endpoint:
        found["aws_endpoint"] = endpoint
        found["aws_allow_http"] = str(endpoint.startswith("http://")).lower()
    region = _region(options, endpoint)
    if region:
        found["aws_region"] = region
    style = options.get("fs.s3a.path.style.access", "").lower()
    if style:
        found["aws_virtual_hosted_style_request"] = str(style == "false").lower()
    return found


def for_arrow_s3(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of ``pyarrow.fs.S3FileSystem``."""
    found: dict[str, Any] = {
        ours: options[name] for name, ours in _ARROW_NAMES.items() if name in options
    }
    endpoint = _endpoint(options)
    if endpoint:
        found["scheme"], _, found["endpoint_override"] = endpoint.partition("://")
    region = _region(options, endpoint)
    if region:
        found["region"] = region
    if options.get("fs.s3a.path.style.access", "").lower() == "false":
        found["force_virtual_addressing"] = True
    return found


def for_hdfs(options: Mapping[str, str]) -> dict[str, str]:
    """Return the configuration of hdfs-native: the names of HDFS alone."""
    own = {
        name: value for name, value in options.items() if not name.startswith("fs.s3a.")
    }
    return {**HDFS_DEFAULTS, **own}


def for_spark(options: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of Spark that say the same."""
    return {f"spark.hadoop.{name}": value for name, value in options.items()}


def _endpoint(options: Mapping[str, str]) -> str:
    """Return the URL of an S3 endpoint; Hadoop allows one without http or https."""
    endpoint = options.get("fs.s3a.endpoint", "").rstrip("/")
    if not endpoint or "://" in endpoint:
        return endpoint
    is_plain = options.get("fs.s3a.connection.ssl.enabled", "").lower() == "false"
    return f"{'http' if is_plain else 'https'}://{endpoint}"


def _region(options: Mapping[str, str], endpoint: str) -> str:
    default = DEFAULT_REGION if endpoint else ""
    return options.get("fs.s3a.endpoint.region", "") or default
