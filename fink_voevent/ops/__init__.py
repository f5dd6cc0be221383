# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Run and watch the services: processes, status, warm-up, doctor."""
