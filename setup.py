# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packaging of fink-voevent: metadata only, read as text, nothing imported."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "([^"]+)"$',
    (HERE / "fink_voevent" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

# Floors allow the oldest versions that Fink's images have: numpy 1.26, pandas 1.5,
# pyarrow 16, fastavro 1.9.4 (`make test-oldest`).
INSTALL_REQUIRES = [
    "apprise>=1.9",  # messages to Slack, e-mail, Telegram, ...; first for Python 3.13
    "astropy>=6.0",  # time scales and frames; first with the 2024 IERS layout
    "cdshealpix>=0.7",  # vectorised cone cover over several depths
    "click>=8.1",  # command line; 8.1 shows default values in --help
    "comet>=3.1",  # the VTP protocol classes that `listen` extends
    "confluent-kafka>=2.11",  # what gcn-kafka needs; fink-client's own
    "deltalake>=1.6",  # first that refuses to commit one application transaction twice
    "fastavro>=1.9.4",  # the floor of fink-client, which reads our packets
    "fink-client>=9.0",  # reads the topics whose alerts are published
    "fink-utils>=0.45",  # first with FinkUDF
    "gcn-kafka>=0.3.4",  # how to connect to GCN, as GCN documents it
    "hdfs-native>=0.14",  # HDFS without Java; the oldest that was tested
    "lxml>=6.1.3",  # XSD validation; CVEs of libxml2 before that
    "numpy>=1.26",  # first for Python 3.12
    "obstore>=0.8",  # tries conditional writes of S3, as delta-rs does them
    "packaging>=21",  # imported by fink-utils, which declares no dependency
    "pandas>=1.5,<3",  # Spark 3.5 does not work with pandas 3
    "pyarrow>=16",  # Fink's images; first for numpy 2
    "pydantic>=2.5",  # settings: types, ranges, secrets
    "pyspark>=3.5,<3.6",  # what Fink runs (3.5.9)
    "prometheus_client>=0.19",  # /metrics; first tested on Python 3.12
    "requests>=2.28",  # sky maps; imported by fink-utils too
    "rich>=13.0",  # tables on a terminal; first with the present Text and Console
    "setuptools>=68",  # pyspark imports distutils, gone from Python 3.12
    "tomli>=2.0; python_version < '3.11'",  # tomllib is in Python 3.11
    "Twisted>=22.10",  # VTP, `serve`; first whose threads work on Python 3.11
    "urllib3>=2.7",  # under requests; CVEs before that
    "xmltodict>=0.13",  # entities disabled by default
]
TEST_REQUIRES = [
    "build>=1.2",  # `make dist`
    "coverage>=7.10",  # first that measures the programs that tests start
    "duckdb>=1.0",  # run by the documentation, as users do
    "html5lib>=1.1",  # a strict parser of the pages
    "hypothesis>=6.80",
    "jsonschema>=4.18",  # the SparkApplications of the chart
    "kubernetes-validate>=1.31",  # the other objects of the chart
    "import-linter>=2.3",  # dependencies point one way
    "mypy>=1.8",
    "axe-playwright-python>=0.1.4",  # axe-core: checks pages in a browser
    "playwright>=1.40",  # drives Chromium, which apt installs
    "pygcn>=1.1.3",  # run as a program, as telescopes do: receives what we send
    "PyYAML>=6.0",  # the chart, as Helm renders it
    "pytest>=7.4,<9.2",  # pytest-xdist 3.8 finds no groups of tests with 9.2
    "pytest-spark>=0.6",  # one Spark session for all tests
    "pytest-xdist>=3.8",  # a Spark session on each of two workers
    "voevent-parse>=1.0.3; python_version < '3.12'",  # reads what we send
    "scipy>=1.11",  # the Kolmogorov-Smirnov test; first for numpy 1.26
    "ruff==0.17.6",  # pinned: a linter that changes is not a check
]
# Opens the archive of alerts in a test, as LSDB does. It needs a newer numpy than the
# oldest that we support.
HATS_REQUIRES = ["hats>=0.6.7"]  # first with folders of several files for a pixel
# Beside us in the benchmark; it does not build on Python 3.12.
BENCH_REQUIRES = ["voevent-parse>=1.0.3; python_version < '3.12'"]
# The documentation site: `make site`.
SITE_REQUIRES = ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.26"]

# Pages and pictures of events: nothing else needs these.
PAGES_REQUIRES = [
    "jinja2>=3.1.6",  # CVEs of its sandbox and filters before that
    "matplotlib>=3.8",  # first for Python 3.12
    "mocpy>=0.13",  # first with from_depth29_ranges and MOC 2.0 as text
]

setup(
    name="fink-voevent",
    version=VERSION,
    description="VOEvents matched with the alerts of Rubin and ZTF in the Fink broker",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",  # what pyspark 3.5.9 is tested with by Fink and us
    packages=find_packages(include=["fink_voevent", "fink_voevent.*"]),
    package_data={
        "fink_voevent": [
            *("py.typed", "notices/streams.toml", "spark/log4j2.properties"),
            *("show/templates/*.j2", "serve/live.js"),
        ]
    },
    install_requires=INSTALL_REQUIRES,
    extras_require={
        "pages": PAGES_REQUIRES,
        "test": TEST_REQUIRES + PAGES_REQUIRES,
        "bench": BENCH_REQUIRES,
        "hats": HATS_REQUIRES,
        "site": SITE_REQUIRES,
    },
    entry_points={
        "console_scripts": [
            "fink_voevent = fink_voevent.cli:main",
            "fink_voevent_land = fink_voevent.cli.land:as_comet_command",
        ]
    },
)
