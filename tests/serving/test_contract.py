"""The dashboard's types are the server's: `schema.d.ts` is what the documents say now."""

from __future__ import annotations

import difflib
import json

from dashboard_build import hatch_build, prepared

from serving.contract import document

WRITTEN = "src/api/schema.d.ts"
AGAIN = """schema.d.ts: expected what the server's documents say, got other types. To write it anew:
    .venv/bin/python -m serving.contract > serving/dashboard/contract.json
    .venv/bin/python -c 'import hatch_build as b; b.node(b.DASHBOARD.resolve(), b._npm(), "run", "types")'
"""


def test_the_types_are_those_of_the_documents(tmp_path):
    contract, made = tmp_path / "contract.json", tmp_path / "schema.d.ts"
    contract.write_text(json.dumps(document()))

    dashboard = prepared()
    hatch_build().node(dashboard, "node_modules/openapi-typescript/bin/cli.js", str(contract), "--output", str(made))

    kept, now = (dashboard / WRITTEN).read_text(), made.read_text()
    changes = difflib.unified_diff(kept.splitlines(), now.splitlines(), "kept", "now", n=1, lineterm="")
    assert kept == now, AGAIN + "\n".join(changes)


def test_the_contract_has_both_sides_and_refers_to_nothing_outside():
    schemas = document()["components"]["schemas"]

    assert {"Prices", "RebalancePlan", "Problem", "Snapshot", "Delta", "Subscribe", "PriceMessage"} <= set(schemas)
    references = {each for each in _strings(schemas) if each.startswith("#/")}
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


def _strings(value: object) -> set[str]:
    """Every ``$ref`` inside."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_strings, value.values()))
    return set().union(*map(_strings, value)) if isinstance(value, list) else set()
