# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A real HDFS: one NameNode and one DataNode of Hadoop, on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from hdfs_native import Client, WriteOptions
from helpers.java_programs import classpath
from helpers.kafka_broker import free_ports

VERSION = "3.3.6"  # that of Fink's chart
PROPERTY = "<property><name>{}</name><value>{}</value></property>"
JAVA = (
    *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("--add-opens", "java.base/java.lang=ALL-UNNAMED"),
)
SERVER = "org.apache.hadoop.hdfs.server"
LOG4J = """log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c %m%n
"""
LIMIT_S = 90.0
NO_RETRIES = {"dfs.client.failover.max.attempts": "1"}


def write_properties(path: Path, values: dict) -> None:
    """Write a configuration file of Hadoop."""
    properties = "".join(PROPERTY.format(*item) for item in values.items())
    path.write_text(f"<configuration>{properties}</configuration>")


class Hdfs:
    """A running HDFS, without permissions.

    Parameters
    ----------
    folder : Path
        For its data, configuration and log.
    """

    def __init__(self, folder: Path) -> None:
        name, web, data, data_web, data_ipc = free_ports(5)
        self.address = f"hdfs://127.0.0.1:{name}"
        self.conf = folder / "conf"
        for part in ("webapps/hdfs", "webapps/datanode"):  # not in the jars
            (self.conf / part).mkdir(parents=True)
        (self.conf / "log4j.properties").write_text(LOG4J)
        write_properties(self.conf / "core-site.xml", {"fs.defaultFS": self.address})
        write_properties(
            self.conf / "hdfs-site.xml",
            {
                "dfs.replication": 1,
                "dfs.permissions.enabled": "false",
                "dfs.namenode.name.dir": folder / "name",
                "dfs.datanode.data.dir": folder / "data",
                "dfs.namenode.rpc-bind-host": "127.0.0.1",
                "dfs.namenode.http-address": f"127.0.0.1:{web}",
                "dfs.datanode.address": f"127.0.0.1:{data}",
                "dfs.datanode.http.address": f"127.0.0.1:{data_web}",
                "dfs.datanode.ipc.address": f"127.0.0.1:{data_ipc}",
                "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            },
        )
        artifacts = ("hadoop-common", "hadoop-hdfs", "hadoop-hdfs-client")
        jars = classpath(
            f"hdfs-{VERSION}", *[f"org.apache.hadoop:{a}:{VERSION}" for a in artifacts]
        )
        self._java = [*JAVA, "-cp", f"{self.conf}:{jars}"]
        self._log = folder / "log"
        subprocess.run(
            [*self._java, f"{SERVER}.namenode.NameNode", "-format", "-nonInteractive"],
            check=True,
            timeout=LIMIT_S,
            capture_output=True,
        )
        self._processes = [
            self._start("namenode.NameNode"),
            self._start("datanode.DataNode"),
        ]
        self._wait()

    def _start(self, program: str) -> subprocess.Popen:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*self._java, f"{SERVER}.{program}"],
                env={**os.environ, "HADOOP_CONF_DIR": str(self.conf)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self) -> None:
        """Wait until a file can be written."""
        end = time.monotonic() + LIMIT_S
        client = Client(self.address, NO_RETRIES)
        while time.monotonic() < end and not any(p.poll() for p in self._processes):
            try:
                with client.create("/trial", WriteOptions(overwrite=True)) as file:
                    file.write(b"trial")
            except (OSError, RuntimeError):  # noqa: PERF203 - until it answers
                time.sleep(0.2)
            else:
                client.delete("/trial")
                return
        self.stop()
        raise RuntimeError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        """Stop both processes."""
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
