# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The Spark session, and what our code needs to know of Spark itself."""
