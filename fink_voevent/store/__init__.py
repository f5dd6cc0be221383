# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files and tables on the store that Fink uses: local disk, HDFS or S3; no Spark."""
