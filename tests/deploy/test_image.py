# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the Dockerfile copies exists, and its versions are those of this Spark."""

from __future__ import annotations

import re
from pathlib import Path

import pyspark

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_all_that_is_copied_exists():
    copied = re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE)
    names = [name for line in copied for name in line.split()[:-1]]
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_clients_of_s3_are_those_of_the_hadoop_in_spark():
    (hadoop,) = re.findall(r"hadoop_version=([\d.]+)", TEXT)
    jars = Path(pyspark.__file__).parent / "jars"
    assert (jars / f"hadoop-client-api-{hadoop}.jar").exists()


def test_spark_in_the_image_is_one_that_the_package_allows():
    versions = set(re.findall(r"spark:(3\.[\d.]+)-|pyspark==(3\.[\d.]+)", TEXT))
    found = {one or other for one, other in versions}
    assert found == {"3.5.9"}
    requirements = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert '"pyspark>=3.5,<3.6"' in requirements


def test_the_libraries_of_kerberos_are_in_the_image():
    assert "libgssapi-krb5-2" in TEXT
