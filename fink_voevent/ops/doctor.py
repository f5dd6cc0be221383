# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Check what the plugin needs; a check that fails says what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from fink_voevent.config.address_forms import address_text
from fink_voevent.config.addresses import KafkaSource, parse_kafka, parse_sources
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, VOEventPluginError
from fink_voevent.filters.discover import discover
from fink_voevent.fink.checkout import Checkout
from fink_voevent.spark.session import check_java
from fink_voevent.store.filesystem import open_store

LIMIT_S = 5.0  # longest wait for an answer
JAVA_VERSIONS = (8, 11, 17)  # those that Spark 3.5 runs on
PACKAGES = ("pyspark", "fink-utils", "comet", "confluent-kafka", "pyarrow", "astropy")
_CLOCK_UNKNOWN = "not known: make sure that the machine synchronises its clock (NTP)"


class Check(NamedTuple):
    """Result of one check.

    Parameters
    ----------
    name : str
    ok : bool
    text : str
        What was found; if `ok` is False, what is wrong and what to do.
    """

    name: str
    ok: bool
    text: str


def checks(settings: Settings, environment: Mapping[str, str]) -> Iterator[Check]:
    """Run all checks, one after the other, and yield their results.

    Parameters
    ----------
    settings : Settings
    environment : mapping
        Usually ``os.environ``; ``FINK_HOME`` is used.
    """
    yield _check("java", _java)
    for package in PACKAGES:
        yield _check(package, partial(metadata.version, package))
    yield _check("spark", _spark)
    yield _check("fink", lambda: _fink(settings, environment))
    yield _check("data prefix", lambda: _writable(settings.root))
    yield _check("spool", lambda: _writable(settings.spool))
    yield _check("kafka", lambda: _kafka(settings))
    yield _check("filters", lambda: _filters(settings))
    for host, port in parse_sources(settings.sources):
        name = f"source {address_text(host, port)}"
        yield _check(name, partial(_connect, host, port))
    for source in parse_kafka(settings.sources):
        yield _check(f"source {source}", partial(_source_topics, source, settings))
    if not settings.sources:
        yield Check("sources", ok=True, text="none: VOEVENT_SOURCES is not set")
    yield _check("clock", _clock)


def _check(name: str, test: Callable[[], str]) -> Check:
    """Run a test; an error that it raises is a check that fails."""
    try:
        return Check(name, ok=True, text=test())
    except metadata.PackageNotFoundError:
        return Check(name, ok=False, text=f"missing: pip install {name}")
    except (VOEventPluginError, OSError, subprocess.SubprocessError) as error:
        return Check(name, ok=False, text=" ".join(str(error).split()))


def _java() -> str:
    check_java()
    # as Spark chooses it: JAVA_HOME before the path
    home = os.environ.get("JAVA_HOME", "")
    java = str(Path(home, "bin", "java")) if home else (shutil.which("java") or "java")
    done = subprocess.run(  # noqa: S603 - the Java that Spark would run
        [java, "-version"], capture_output=True, text=True, timeout=30, check=False
    )
    version = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    if not version or int(version[1]) not in JAVA_VERSIONS:
        first_line = (done.stderr.splitlines() or ["java does not say its version"])[0]
        raise VOEventPluginError(
            f"{first_line}: Spark 3.5 needs Java 8, 11 or 17 (Debian and Ubuntu:"
            " apt-get install openjdk-17-jre-headless)"
        )
    return f"Java {version[1]}"


def _spark() -> str:
    import pyspark

    jars = Path(pyspark.__file__).parent / "jars"
    core = next(iter(jars.glob("spark-core_*.jar")), None) if jars.is_dir() else None
    if core is None:
        raise VOEventPluginError(
            f"there is no Spark in {jars}: pip install --force-reinstall pyspark"
        )
    return core.name


def _fink(settings: Settings, environment: Mapping[str, str]) -> str:
    home = environment.get("FINK_HOME", "")
    if not home:
        return "FINK_HOME is not set: the plugin runs without Fink"
    checkout = Checkout.find(Path(home), settings.survey, None)
    if checkout.is_enabled():
        return f"enabled in {checkout.conf}"
    return f"not enabled in {checkout.conf}: fink_voevent enable -s {settings.survey}"


def _writable(folder: str) -> str:
    """Write a file to a folder below this one, and remove it."""
    trial = open_store(folder).subfolder(".doctor")
    trial.create()
    trial.write("trial", lambda stream: stream.write(b"ok"))
    trial.remove()
    return f"{folder} can be written"


def _kafka(settings: Settings) -> str:
    if not settings.kafka_servers:
        return "VOEVENT_KAFKA_SERVERS is not set: packets are written to Avro files"
    from fink_voevent.store.kafka_brokers import Brokers

    topics = Brokers.from_settings(settings).topics(LIMIT_S)
    return f"{settings.kafka_servers} answers, with {len(topics)} topics"


def _filters(settings: Settings) -> str:
    found = discover(settings.filters)
    if found.faulty:
        raise ConfigError("; ".join(map(str, found.faulty)))
    return f"{len(found.filters)} can be used"


def _source_topics(source: KafkaSource, settings: Settings) -> str:
    from fink_voevent.listen.kafka import login
    from fink_voevent.store.kafka_brokers import Brokers

    available = Brokers(login(source, settings)).topics(LIMIT_S)
    # A name that begins with ^ is a regular expression, which may match none yet.
    named = [topic for topic in source.topics if not topic.startswith("^")]
    missing = sorted(set(named) - available)
    if missing:
        raise ConfigError(f"the brokers have no topic {', '.join(missing)}")
    return "the brokers answer and have the topics"


def _connect(host: str, port: int) -> str:
    with socket.create_connection((host, port), LIMIT_S):
        return "accepts connections"


def _clock() -> str:
    tool = shutil.which("timedatectl")
    if tool is None:
        return _CLOCK_UNKNOWN
    command = [tool, "show", "--property=NTPSynchronized", "--value"]
    done = subprocess.run(  # noqa: S603 - found on the path
        command, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    answer = done.stdout.strip()
    if answer == "no":
        raise VOEventPluginError("not synchronised: apt-get install chrony")
    return "synchronised" if answer == "yes" else _CLOCK_UNKNOWN
