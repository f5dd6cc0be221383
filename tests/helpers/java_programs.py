# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Programs in Java for tests: Maven fetches their jars the first time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>program</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId>"
    "<version>{}</version></dependency>"
)


def classpath(name: str, *artifacts: str) -> str:
    """Return the class path of artifacts and of all that they need.

    Parameters
    ----------
    name : str
        Of the folder below ``build`` that remembers it.
    *artifacts : str
        ``GROUP:ARTIFACT:VERSION`` of Maven Central.
    """
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    # the other worker may want it too, and Maven's store is for one process
    with (BUILD / "maven.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _classpath(folder, artifacts)


def _classpath(folder: Path, artifacts: Sequence[str]) -> str:
    found = folder / "classpath"
    if found.exists() and all(map(os.path.exists, found.read_text().split(":"))):
        return found.read_text()
    if not shutil.which("mvn"):
        raise RuntimeError(f"Maven is missing and tests need it for {folder.name}")
    listed = "".join(DEPENDENCY.format(*one.split(":")) for one in artifacts)
    (folder / "pom.xml").write_text(POM.format(dependencies=listed))
    build = ["mvn", "-q", "-B", "dependency:build-classpath"]
    out = f"-Dmdep.outputFile={found}"
    subprocess.run([*build, out], cwd=folder, check=True, timeout=600)
    return found.read_text()
