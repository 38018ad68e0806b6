"""The shapes of all that REST and the stream say, as one OpenAPI document without paths: the dashboard's types.

`python -m serving.contract` prints it, `npm run types` in `serving/dashboard` turns it into TypeScript. Nothing is
served from here.
"""

from __future__ import annotations

import json
from typing import Any

from serving.app import create_app
from serving.settings import ServerSettings
from serving.streaming import asyncapi


def document() -> dict[str, Any]:
    """OpenAPI's schemas, the stream's frames and messages among them."""
    app = create_app(ServerSettings())
    rest: dict[str, Any] = app.openapi()
    stream = asyncapi.document(title=app.title, version=app.version)
    schemas = stream["components"]["schemas"] | rest["components"]["schemas"]
    return {
        "openapi": rest["openapi"],
        # The version says nothing about types.
        "info": {"title": app.title, "version": ""},
        "paths": {},
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


if __name__ == "__main__":
    print(json.dumps(document()))
