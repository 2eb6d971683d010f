"""The HTTP application: routes, the error table, and nothing of the pages."""

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from projectloom.api import (
    agent,
    assistants,
    auth,
    auto_top_up,
    chat,
    credits,
    errors,
    preferences,
    prices,
    statement,
    usage,
    webhooks,
)


def create_api() -> FastAPI:
    """Every HTTP route of the product. Pages are mounted below it."""
    app = FastAPI(title="ProjectLoom", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    errors.install(app)
    for module in (
        auth,
        preferences,
        credits,
        auto_top_up,
        statement,
        usage,
        prices,
        webhooks,
        chat,
        assistants,
        agent,
    ):
        app.include_router(module.router)
    app.add_api_route("/api/{path:path}", _no_such_route, methods=list(_METHODS), include_in_schema=False)
    return app


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def _no_such_route(request: Request) -> None:
    for route in request.app.routes:
        if route.matches(request.scope)[0] is Match.PARTIAL:
            raise HTTPException(405, "This route does not take that method.")
    raise HTTPException(404, "There is no such route.")
