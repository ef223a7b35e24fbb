"""The API does what its description says, with every request that can be made of it.

schemathesis makes them: valid ones and ones that the description excludes.
"""

from typing import Final

import schemathesis
from hypothesis import settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from contract.conftest import Fuzzed
from spanglass_dashboards.openapi import document

SCHEMA = schemathesis.openapi.from_dict(document())
# It does what it says: it would erase what other tests look for. test_purge.py has its bad input.
SCHEMA = SCHEMA.exclude(method="POST", path="/api/v1/purges")
# From the first key on everybody needs one, the other tests too. test_auth.py has its bad input.
SCHEMA = SCHEMA.exclude(method="POST", path="/api/v1/keys")
# Each copies the whole store. test_backup.py has its bad input.
SCHEMA = SCHEMA.exclude(method="POST", path="/api/v1/backups")
# What it says counts for what other tests send. test_tenants.py has its bad input.
SCHEMA = SCHEMA.exclude(method="PUT", path="/api/v1/retention/{project}")
# The same goes for the first account. test_people.py has its bad input.
SCHEMA = SCHEMA.exclude(method="POST", path="/api/v1/accounts")
SCHEMA.config.generation.update(modes=list(GenerationMode))
#: Operations with something that no schema can tell, and how they refuse it: SQL, a cursor that we
#: made, a range of time that the store can hold, what is priced by what, rules of alerts, metrics and groups that there are.
MORE_THAN_A_SCHEMA: Final = {
    "POST /api/v1/session": 429,
    "POST /api/v1/sql": 400,
    "POST /api/v1/sql/rows": 400,
    "POST /api/v1/sql/parquet": 400,
    "GET /api/v1/traces/timeline": 400,
    "GET /api/v1/traces/chart": 400,
    "GET /api/v1/conversations": 400,
    "GET /api/v1/conversations/{session_id}": 400,
    "GET /api/v1/users": 400,
    "GET /api/v1/quality/changes": 400,
    "GET /api/v1/quality/distribution": 400,
    "GET /api/v1/quality/examples": 400,
    "GET /api/v1/quality/agreement": 400,
    "GET /api/v1/quality/calibration": 400,
    "PUT /api/v1/review/queues/{name}": 400,
    "POST /api/v1/review/queues/{name}/draw": 400,
    "POST /api/v1/review/queues/{name}/next": 400,
    "PUT /api/v1/review/queues/{name}/items/{item_id}/label": 400,
    "GET /api/v1/traces": 400,
    "GET /api/v1/traces/facets": 400,
    "GET /api/v1/scores": 400,
    "GET /api/v1/completeness": 400,
    "GET /api/v1/cost": 400,
    "GET /api/v1/cost/changes": 400,
    "GET /api/v1/cost/units": 400,
    "GET /api/v1/advice": 400,
    "GET /api/v1/advice/selfhost": 400,
    "GET /api/v1/overview": 400,
    "GET /api/v1/drift": 400,
    "GET /api/v1/drift/compare": 400,
    "GET /api/v1/energy": 400,
    "GET /api/v1/gpus": 400,
    "GET /api/v1/gpus/series": 400,
    "GET /api/v1/engines": 400,
    "GET /api/v1/engines/compare": 400,
    "PUT /api/v1/prices": 422,
    "POST /api/v1/jobs/{job}/backfills": 400,
    "PUT /api/v1/alerts/rules/{name}": 400,
    "POST /api/v1/alerts/rules/{name}/draft": 400,
    "POST /api/v1/incidents/{number}/acknowledge": 400,
    "POST /api/v1/incidents/{number}/resolve": 400,
    "POST /api/v1/alerts/rules/{name}/preview": 400,
    "POST /api/v1/alerts/silences": 400,
    "GET /api/v1/pii": 400,
    "GET /api/v1/pii/missed": 400,
    "GET /api/v1/quality": 400,
    "GET /api/v1/prompts/{name}/compare": 400,
    "GET /api/v1/prompts/{name}/split": 400,
    "GET /api/v1/prompts/{name}/power": 400,
    "POST /api/v1/prompts/{name}/versions": 400,
    "POST /api/v1/prompts/{name}/render": 400,
    "PUT /api/v1/prompts/{name}/labels/{label}": 400,
    "DELETE /api/v1/prompts/{name}/labels/{label}": 400,
    "POST /api/v1/pii/subjects": 400,
    "POST /api/v1/pii/reveal": 400,
    "POST /api/v1/purges/preview": 400,
    "POST /api/v1/datasets/{name}/items": 400,
    "POST /api/v1/datasets/{name}/items/from-traces": 400,
    "POST /api/v1/datasets/{name}/split": 400,
    "PUT /api/v1/experiments/{name}": 400,
    "GET /api/v1/export/{what}": 400,
    "GET /api/v1/export/{what}/chunks": 400,
    "POST /api/v1/import/{signal}": 400,
}


@SCHEMA.parametrize()
@settings(max_examples=8)
def test_the_api_keeps_its_description(case: schemathesis.Case, fuzzed: Fuzzed) -> None:
    headers = {"authorization": f"Bearer {fuzzed.service.token}"}
    response = case.call(base_url=fuzzed.service.web, headers=headers)
    refused = response.status_code == MORE_THAN_A_SCHEMA.get(case.operation.label)
    excluded = [positive_data_acceptance] if refused else []
    case.validate_response(response, excluded_checks=excluded, headers=headers)
