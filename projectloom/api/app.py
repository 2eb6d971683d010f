"""The HTTP application: routes, the error table, and nothing of the pages."""

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from projectloom.api import (
    activity,
    admin,
    agent,
    assistants,
    attachments,
    auth,
    auto_top_up,
    chat,
    conversation_lists,
    conversations,
    credits,
    errors,
    health,
    keys,
    page_stream,
    preferences,
    prices,
    statement,
    usage,
    webhooks,
)
from projectloom.api.document import describe
from projectloom.api.front import FrontDoor
from projectloom.api.v1.routes import wire_routes


def create_api() -> FastAPI:
    """Every HTTP route of the product. Pages are mounted below it."""
    app = FastAPI(title="ProjectLoom", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    errors.install(app)
    app.add_middleware(FrontDoor)
    describe(app)
    # First, since every route before it costs each request of a program's a comparison.
    app.router.routes.insert(0, wire_routes())
    for module in (
        auth,
        preferences,
        keys,
        credits,
        auto_top_up,
        statement,
        usage,
        activity,
        prices,
        webhooks,
        chat,
        conversation_lists,
        page_stream,
        conversations,
        attachments,
        assistants,
        agent,
        health,
        admin,
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
