# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether all that the plugin needs is there: each check is ok, or says what to do."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from fink_voevent.config.addresses import KafkaSource, parse_kafka, parse_sources
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, VOEventPluginError
from fink_voevent.fink.checkout import Checkout
from fink_voevent.spark.session import check_java
from fink_voevent.store.filesystem import open_store

LIMIT_S = 5.0
JAVA = (8, 11, 17)  # what Spark 3.4 and 3.5 run on
PACKAGES = ("pyspark", "fink-utils", "comet", "confluent-kafka", "pyarrow", "astropy")


class Check(NamedTuple):
    """One line of the report."""

    name: str
    ok: bool
    text: str


def checks(settings: Settings, environment: Mapping[str, str]) -> Iterator[Check]:
    """All checks, one after the other.

    Parameters
    ----------
    settings : Settings
    environment : mapping
        Usually ``os.environ``.
    """
    yield _check("java", _java)
    for package in PACKAGES:
        yield _check(package, lambda name=package: metadata.version(name))  # type: ignore[misc]
    yield _check("spark", _spark)
    yield _check("fink", lambda: _fink(settings, environment))
    yield _check("data prefix", lambda: _writable(settings.root))
    yield _check("spool", lambda: _writable(settings.spool))
    yield _check("kafka", lambda: _kafka(settings))
    for host, port in parse_sources(settings.sources):
        yield _check(
            f"source {host}:{port}",
            lambda address=(host, port): _reach(address),  # type: ignore[misc]
        )
    for source in parse_kafka(settings.sources):
        yield _check(
            f"source {source}",
            lambda source=source: _topics(source, settings),  # type: ignore[misc]
        )
    if not settings.sources:
        yield Check("sources", ok=True, text="none: VOEVENT_SOURCES is not set")
    yield _check("clock", _clock)


def _check(name: str, test: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, text=test())
    except metadata.PackageNotFoundError:
        return Check(name, ok=False, text=f"missing: pip install {name}")
    except (VOEventPluginError, OSError, subprocess.SubprocessError) as error:
        return Check(name, ok=False, text=" ".join(str(error).split()))


def _java() -> str:
    check_java()
    java = shutil.which("java") or "java"
    done = subprocess.run(  # noqa: S603 - found on the path
        [java, "-version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    if not found or int(found[1]) not in JAVA:
        raise VOEventPluginError(
            f"{(done.stderr.splitlines() or ['?'])[0]}: Spark needs Java 17 (Debian and"
            " Ubuntu: apt-get install openjdk-17-jre-headless)"
        )
    return f"Java {found[1]}"


def _spark() -> str:
    import pyspark

    jars = Path(pyspark.__file__).parent / "jars"
    core = next(iter(jars.glob("spark-core_*.jar")), None) if jars.is_dir() else None
    if core is None:
        raise VOEventPluginError(f"no jars in {jars}: pip install pyspark again")
    return core.name


def _fink(settings: Settings, environment: Mapping[str, str]) -> str:
    home = environment.get("FINK_HOME", "")
    if not home:
        return "no FINK_HOME: the plugin works alone"
    checkout = Checkout.at(Path(home), settings.survey, None)
    if checkout.is_enabled():
        return f"enabled in {checkout.conf}"
    return f"not enabled in {checkout.conf}: fink_voevent enable -s {settings.survey}"


def _writable(folder: str) -> str:
    trial = open_store(folder).subfolder(".doctor")
    trial.create()
    trial.write("trial", lambda stream: stream.write(b"ok"))
    trial.remove()
    return folder


def _kafka(settings: Settings) -> str:
    if not settings.kafka_servers:
        return "not set: packets go to Avro files"
    from fink_voevent.store.kafka_brokers import Brokers

    topics = Brokers.from_settings(settings).topics(LIMIT_S)
    return f"{settings.kafka_servers}, {len(topics)} topics"


def _topics(source: KafkaSource, settings: Settings) -> str:
    from fink_voevent.listen.kafka import login
    from fink_voevent.store.kafka_brokers import Brokers

    there = Brokers(login(source, settings)).topics(LIMIT_S)
    plain = [topic for topic in source.topics if not topic.startswith("^")]
    missing = sorted(set(plain) - there)
    if missing:
        raise ConfigError(f"no topic {', '.join(missing)}")
    return "answers"


def _reach(address: tuple[str, int]) -> str:
    with socket.create_connection(address, LIMIT_S):
        return "takes connections"


def _clock() -> str:
    tool = shutil.which("timedatectl")
    if tool is None:
        return "cannot tell: see that the machine keeps time (NTP)"
    ask = [tool, "show", "--property=NTPSynchronized", "--value"]
    done = subprocess.run(  # noqa: S603 - found on the path
        ask, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.stdout.strip() == "no":
        raise VOEventPluginError("not synchronised: apt-get install chrony")
    return done.stdout.strip() or "cannot tell: see that the machine keeps time (NTP)"
