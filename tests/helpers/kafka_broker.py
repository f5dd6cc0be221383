# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka broker: one node, on loopback, in a folder of its own."""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from helpers.java_programs import classpath

VERSION = "4.1.1"
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},\\
 TLS://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,\\
 CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl.scram-sha-512.sasl.jaas.config={module} required;
listener.name.tls.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.tls.scram-sha-512.sasl.jaas.config={module} required;
listener.name.tls.ssl.keystore.location={folder}/keys.p12
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.password={password}
listener.name.tls.ssl.key.password={password}
log.dirs={folder}/data
num.partitions=3
message.max.bytes=8388608
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
auto.create.topics.enable=false
"""
MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LIMIT_S = 90.0


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Broker:
    """A running broker with three listeners: plain, SASL, and SASL over TLS."""

    user, password = "fink", "a-secret"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._jars = classpath(
            f"kafka-{VERSION}",
            f"org.apache.kafka:kafka_2.13:{VERSION}",
            "org.slf4j:slf4j-simple:1.7.36",
        )
        plain, sasl, tls, controller = free_ports(4)
        self.plain, self.sasl, self.tls = (
            f"127.0.0.1:{port}" for port in (plain, sasl, tls)
        )
        self.certificate = folder / "broker.pem"
        self._make_keys()
        self._properties = folder / "server.properties"
        text = PROPERTIES.format(
            plain=plain,
            sasl=sasl,
            tls=tls,
            controller=controller,
            folder=folder,
            module=MODULE,
            password=self.password,
        )
        self._properties.write_text(text)
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode()
        secret = f"SCRAM-SHA-512=[name={self.user},password={self.password}]"
        self._run(
            *("kafka.tools.StorageTool", "format", "-t", cluster.rstrip("=")),
            *("-c", str(self._properties), "--add-scram", secret),
        )
        self.start()

    def _make_keys(self) -> None:
        """Make a key for the broker, and a self-signed certificate."""
        store = ("-keystore", str(self.folder / "keys.p12"), "-alias", "broker")
        common = (*store, "-storetype", "PKCS12", "-storepass", self.password)
        key = ("-keyalg", "EC", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1")
        for command in (
            ("-genkeypair", *common, *key),
            ("-exportcert", *common, "-rfc", "-file", str(self.certificate)),
        ):
            subprocess.run(
                ["keytool", *command], check=True, timeout=LIMIT_S, capture_output=True
            )

    def _run(self, *arguments: str) -> None:
        command = [*JAVA, "-cp", self._jars, *arguments]
        subprocess.run(command, check=True, timeout=LIMIT_S, capture_output=True)

    def start(self) -> None:
        """Start the broker, and wait until it answers on all three listeners."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*JAVA, "-cp", self._jars, "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        plain = {"bootstrap.servers": self.plain}
        for options in (plain, self.login(), self.login_by_tls()):
            self._wait(options)

    def login(self) -> dict[str, str]:
        """Return the options of librdkafka for the SASL listener."""
        return {
            "bootstrap.servers": self.sasl,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.user,
            "sasl.password": self.password,
        }

    def login_by_tls(self) -> dict[str, str]:
        """Return the options of librdkafka for the TLS listener."""
        return self.login() | {
            "bootstrap.servers": self.tls,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.certificate),
        }

    def _wait(self, options: dict[str, str]) -> None:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self._process.poll() is None:
            if _answers(options):
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop the broker; kill it if it does not end."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _answers(options: dict[str, str]) -> bool:
    """Whether a broker accepts connections and has joined its cluster."""
    host, port = options["bootstrap.servers"].split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
        admin = AdminClient(options)  # a variable: its requests end with it
        return bool(admin.describe_cluster(request_timeout=2).result(5).nodes)
    except (OSError, KafkaException):
        return False
