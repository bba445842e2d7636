"""What worker processes run: `python -m asyncendpoints worker tests.support.faults.worker:jobs`."""

from __future__ import annotations

import os

from tests.support.faults.application import make_jobs

jobs = make_jobs(os.environ)
