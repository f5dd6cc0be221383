# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What is in the tables, as people and programs want to see it; without Spark."""
