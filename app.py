"""The front door. Importing it declares the API and does nothing else; work begins with the first request."""

from __future__ import annotations

import os

from chalicelib.api import create_app
from chalicelib.wiring import services

app = create_app(services)

if os.environ.get("BUCKETS_ENGINE") == "embedded":
    from chalicelib.local.serve import prepare

    prepare(app)
