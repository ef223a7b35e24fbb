"""Composes the web application: API, health, metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from spanglass_dashboards import pages, problems
from spanglass_dashboards.admission import Admission
from spanglass_dashboards.answers import Answers
from spanglass_dashboards.api import (
    accounts,
    advice,
    agreement,
    alerts,
    audit,
    backups,
    budgets,
    calibration,
    completeness,
    conversations,
    cost,
    cost_changes,
    datasets,
    dead_letters,
    drift,
    energy,
    engines,
    experiments,
    export,
    facets,
    feedback,
    feedback_widget,
    gpus,
    health,
    imports,
    incidents,
    installation,
    jobs,
    keys,
    overview,
    own_gpus,
    pii,
    prices,
    prompt_split,
    prompts,
    provider,
    purges,
    quality,
    quality_changes,
    retention,
    review,
    review_labelling,
    scores,
    session,
    sql,
    surroundings,
    trace_chart,
    trace_query,
    traces,
    tree,
    views,
)
from spanglass_dashboards.attempts import Attempts
from spanglass_dashboards.auditing import Auditing
from spanglass_dashboards.context import Context
from spanglass_dashboards.parameters import only_known


def _version() -> str:
    try:
        return version("spanglass")
    except PackageNotFoundError:
        return "0"


def create_app(context: Context) -> FastAPI:
    """The application over a context."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # A router's routes are made when it is first asked, which takes a third of a second: now,
        # and not while somebody waits for the first page.
        for route in app.routes:
            route.matches({"type": "http", "method": "GET", "path": "/", "headers": []})
        yield
        context.close()

    app = FastAPI(
        title="Spanglass",
        version=_version(),
        description="Traces of LLM applications, their costs and their quality.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=problems.RESPONSES,
    )
    app.state.context = context
    app.state.attempts = Attempts()
    problems.install(app)
    app.add_middleware(Auditing, context=context)
    app.add_middleware(Admission, context=context)

    app.add_middleware(Answers)

    # `facets`, `trace_query` and `trace_chart` before `traces`, whose path would take theirs for
    # a trace's id; `feedback_widget` before `feedback`, which would take it for a token.
    modules = (
        health, session, provider, sql, facets, trace_query, trace_chart, traces, tree, scores,
        feedback_widget, feedback, completeness, dead_letters, cost, prices, budgets, overview,
        jobs, pii, drift, quality, alerts, prompts, prompt_split, datasets, experiments, purges,
        energy, gpus, engines, surroundings, keys, accounts, installation, views, quality_changes,
        agreement, conversations, cost_changes, advice, own_gpus, export, imports, audit, backups,
        retention, incidents, review, review_labelling, calibration,
    )  # fmt: skip
    app.state.routers = [module.router for module in modules]
    for router in app.state.routers:
        for route in router.routes:
            # Made of the function's name otherwise: "List ", "Show".
            if isinstance(route, APIRoute) and not route.summary:
                route.summary = route.description.partition("\n")[0].rstrip(".")
        app.include_router(router, dependencies=[Depends(only_known)])
    pages.install(app)
    return app
