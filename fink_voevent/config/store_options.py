# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Options of a store, HDFS or S3, by the names that Hadoop gives them.

Names of Spark (``spark.hadoop.fs.s3a.endpoint``) and of AWS (``AWS_ENDPOINT_URL``) are
converted. Values can be secrets: no message repeats them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

# Names of AWS, as its own tools read them from the environment.
OF_AWS = {
    "AWS_DEFAULT_REGION": "fs.s3a.endpoint.region",
    "AWS_REGION": "fs.s3a.endpoint.region",
    "AWS_ENDPOINT_URL": "fs.s3a.endpoint",
    "AWS_ENDPOINT_URL_S3": "fs.s3a.endpoint",
    "AWS_ACCESS_KEY_ID": "fs.s3a.access.key",
    "AWS_SECRET_ACCESS_KEY": "fs.s3a.secret.key",
    "AWS_SESSION_TOKEN": "fs.s3a.session.token",
}
_OF_SPARK = "spark.hadoop."
_NAME = re.compile(r"(fs|dfs|hadoop)\.[A-Za-z0-9_.-]+")
# Of the properties of Spark, those that our own clients can use.
_USED = re.compile(r"(fs\.s3a|dfs|hadoop\.security)\..+|fs\.defaultFS")
_FORM = (
    'it must be a JSON object, {"fs.s3a.endpoint": "..."}, or NAME=VALUE,NAME=VALUE,'
    " with names of Hadoop (fs., dfs., hadoop.) or of AWS (AWS_ENDPOINT_URL, ...)"
)


def parse_store_options(text: str) -> dict[str, str]:
    """Parse the setting ``VOEVENT_STORE_OPTIONS``.

    Parameters
    ----------
    text : str
        A JSON object, or ``NAME=VALUE`` separated by commas or blanks. A value with a
        comma or a blank needs JSON. Empty is no option.

    Returns
    -------
    dict of str to str
        By Hadoop's name.

    Raises
    ------
    ValueError
        If it has another form. The message does not repeat the text, which can have
        secrets.
    """
    if not text.strip():
        return {}
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            raise ValueError(_FORM) from None
        pairs = [(name, _text(value)) for name, value in found.items()]
    else:
        parts = re.split(r"[,\s]+", text.strip().rstrip(","))
        pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in parts]
        if not all("=" in part for part in parts):
            raise ValueError(_FORM)
    return {_hadoop_name(name): value for name, value in pairs}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int)):
        raise ValueError(_FORM)  # noqa: TRY004 - as every other wrong form
    return str(value)


def _hadoop_name(name: str) -> str:
    known = OF_AWS.get(name.upper(), name.removeprefix(_OF_SPARK))
    if not _NAME.fullmatch(known):
        raise ValueError(_FORM)
    return known


def of_spark(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the options of stores among the properties of Spark, by Hadoop's name."""
    names = {
        name: name.removeprefix(_OF_SPARK)
        for name in properties
        if name.startswith(_OF_SPARK)
    }
    return {
        hadoop: properties[name]
        for name, hadoop in names.items()
        if _USED.fullmatch(hadoop)
    }


def parse_spark_defaults(text: str) -> dict[str, str]:
    """Parse the text of ``spark-defaults.conf``: names, a blank or ``=``, values."""
    properties = {}
    for line in text.splitlines():
        parts = re.split(r"\s*[=:]\s*|\s+", line.strip(), maxsplit=1)
        if len(parts) == 2 and not parts[0].startswith("#"):
            properties[parts[0]] = parts[1]
    return properties
