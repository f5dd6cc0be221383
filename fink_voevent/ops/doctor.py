# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Check what the plugin needs; a check that fails says what to do."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes.util import find_library
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from fink_voevent.config.address_forms import address_text
from fink_voevent.config.addresses import KafkaSource, parse_kafka, parse_sources
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, VOEventPluginError
from fink_voevent.filters.discover import discover
from fink_voevent.fink.checkout import Checkout
from fink_voevent.ops import health
from fink_voevent.ops.vtp_greeting import greet
from fink_voevent.score import class_rates
from fink_voevent.spark.session import check_java
from fink_voevent.store.addresses import parse_location
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.one_commit import refuse_double_commits

LIMIT_S = 5.0  # longest wait for an answer
JAVA_VERSIONS = (8, 11, 17)  # those that Spark 3.5 runs on
OK, WARN, FAIL = "ok", "warn", "FAIL"
# Difference of clocks (s): a VTP broker writes whole seconds.
DOUBTFUL_S, WRONG_S = 5.0, 60.0
_CLOCK_UNKNOWN = "not known: make sure that the machine synchronises its clock (NTP)"


class Check(NamedTuple):
    """Result of one check.

    Parameters
    ----------
    name : str
    level : str
        ``ok``, ``warn`` (it works, but not as it should, or cannot be known) or
        ``FAIL``.
    text : str
        What was found; unless `level` is ``ok``, also what to do.
    """

    name: str
    level: str
    text: str


class DoubtError(VOEventPluginError):
    """A check that neither passes nor fails."""


def checks(settings: Settings, environment: Mapping[str, str]) -> Iterator[Check]:
    """Run all checks, one after the other, and yield their results.

    Parameters
    ----------
    settings : Settings
    environment : mapping
        Usually ``os.environ``; ``FINK_HOME`` is used.
    """
    yield _check("java", _java)
    yield _check("libraries", _libraries)
    yield _check("spark", _spark)
    yield _check("fink", lambda: _fink(settings, environment))
    yield _check("data prefix", lambda: _store(settings.root))
    yield _check("spool", lambda: _writable(settings.spool))
    yield _check("disks", lambda: _free(settings))
    kafka = _check("kafka", lambda: _kafka(settings))
    yield kafka
    yield _check("filters", lambda: _filters(settings))
    if kafka.level == OK:
        yield _check("topics", lambda: _topics(settings))
    yield _check("rates", lambda: _rates(settings))
    clocks: list[float] = []
    for host, port in parse_sources(settings.sources):
        greeting = partial(_greeting, host, port, settings.local_ivo, clocks)
        yield _check(f"source {address_text(host, port)}", greeting)
    for source in parse_kafka(settings.sources):
        yield _check(f"source {source}", partial(_source_topics, source, settings))
    if not settings.sources:
        text = "none: set VOEVENT_SOURCES, or no notice is received"
        yield Check("sources", WARN, text)
    yield _check("clock", lambda: _clock(clocks))


def _check(name: str, test: Callable[[], str]) -> Check:
    """Run a test; an error that it raises is a check that fails."""
    try:
        return Check(name, OK, test())
    except DoubtError as doubt:
        return Check(name, WARN, " ".join(str(doubt).split()))
    except (VOEventPluginError, OSError, subprocess.SubprocessError) as error:
        return Check(name, FAIL, " ".join(str(error).split()))


def _libraries() -> str:
    """Compare what is installed with what our own package requires."""
    try:
        required = metadata.requires("fink-voevent") or []
    except metadata.PackageNotFoundError:
        raise DoubtError("fink-voevent is not installed: versions not known") from None
    found, wrong = 0, []
    for requirement in map(Requirement, required):
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        found += 1
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(
                f"{requirement.name} is {version}, not {requirement.specifier}"
            )
    if wrong:
        raise VOEventPluginError(f"{'; '.join(wrong)}: pip install --upgrade them")
    return f"all {found} are installed, in versions that fit"


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
        raise DoubtError("FINK_HOME is not set: the plugin runs without Fink")
    checkout = Checkout.find(Path(home), settings.survey, None)
    if checkout.is_enabled():
        return f"enabled in {checkout.conf}"
    raise DoubtError(
        f"not enabled in {checkout.conf}: fink_voevent enable -s {settings.survey}"
    )


def _store(root: str) -> str:
    """Check that the store can be written, and that it keeps two processes apart."""
    text = _writable(root)
    refuse_double_commits(root)
    scheme = parse_location(root).scheme
    if scheme in ("hdfs", "viewfs") and find_library("gssapi_krb5") is None:
        raise DoubtError(
            f"{text}; libgssapi_krb5 is missing, which HDFS with Kerberos needs (Debian"
            " and Ubuntu: apt-get install libgssapi-krb5-2)"
        )
    return text


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


def _greeting(host: str, port: int, local_ivo: str, clocks: list[float]) -> str:
    """Read what a broker says first; add the difference of its clock to `clocks`."""
    greeting = greet(host, port, local_ivo)
    if greeting.ahead_s is not None:
        clocks.append(greeting.ahead_s)
    if not greeting.role:
        raise DoubtError(
            "accepts connections, and said nothing within 6 s: a VTP broker may be"
            " silent for a minute or two. fink_voevent sources shows its signs of life"
        )
    return f"{greeting.origin or 'it'} speaks VTP ({greeting.role})"


def _free(settings: Settings) -> str:
    """Say how much space the disks have."""
    found = list(health.disks(settings))
    text = ", ".join(f"{disk.what} {disk.free_mb:.0f} MB" for disk in found)
    if any(disk.free_mb < settings.min_free_mb for disk in found):
        raise DoubtError(f"little space left: {text} (VOEVENT_MIN_FREE_MB)")
    return f"free: {text}"


def _rates(settings: Settings) -> str:
    """Say from when silver and gold can fire."""
    snapshot = class_rates.newest_below(settings.root, settings.survey)
    text = class_rates.readiness(snapshot, settings.survey)
    if snapshot is None:
        raise DoubtError(text)
    return text


def _topics(settings: Settings) -> str:
    """Say whether we may write to our topics, or create those that are missing."""
    if not settings.kafka_servers:
        return "VOEVENT_KAFKA_SERVERS is not set: files need no rights"
    from fink_voevent.route.topics import list_routes
    from fink_voevent.store.kafka_brokers import Brokers

    names = [topic for _, topic in list_routes(settings)]
    brokers = Brokers.from_settings(settings)
    rights = brokers.rights(names, LIMIT_S)
    refused = sorted(name for name, may_write in rights.items() if not may_write)
    missing = sorted(set(names) - rights.keys())
    if refused:
        raise VOEventPluginError(
            f"this user may not write to {', '.join(refused)}: add the ACL WRITE"
        )
    if missing and not brokers.may_create(LIMIT_S):
        raise DoubtError(
            f"there is no topic {', '.join(missing)}, and this user may not create"
            " topics on the cluster: create them, or add the ACL CREATE"
        )
    return f"{len(rights)} of {len(names)} exist, and this user may write to them"


def _clock(clocks: Sequence[float]) -> str:
    """Compare our clock with those of brokers, and check that it is synchronised."""
    if clocks:
        ahead_s = statistics.median(clocks)
        text = f"{abs(ahead_s):.0f} s {'behind' if ahead_s > 0 else 'ahead of'}"
        text = f"our clock is {text} that of the VTP brokers ({len(clocks)})"
        if abs(ahead_s) > WRONG_S:
            raise VOEventPluginError(f"{text}: synchronise it (NTP)")
        if abs(ahead_s) > DOUBTFUL_S:
            raise DoubtError(f"{text}: synchronise it (NTP)")
    tool = shutil.which("timedatectl")
    answer = ""
    if tool is not None:
        command = [tool, "show", "--property=NTPSynchronized", "--value"]
        done = subprocess.run(  # noqa: S603 - found on the path
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        answer = done.stdout.strip()
    if answer == "no":
        raise VOEventPluginError("not synchronised: apt-get install chrony")
    if answer == "yes":
        return "synchronised"
    if clocks:
        return f"{text}, that is, it is right"
    raise DoubtError(_CLOCK_UNKNOWN)
