# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""How surprising a coincidence is: background rates and chance probabilities."""
