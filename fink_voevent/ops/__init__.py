# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Running and watching the services: processes, status, warm-up, diagnosis."""
