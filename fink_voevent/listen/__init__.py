# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What comes in: VTP, Kafka and files, on disk before it is acknowledged."""
