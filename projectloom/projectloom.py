"""The composition root: settings, HTTP routes, jobs and pages become one application."""

import reflex as rx
from starlette.types import ASGIApp

from projectloom import style
from projectloom.api.v1.door import with_door_for_programs
from projectloom.components.clerk_parts import around_every_page
from projectloom.components.islands import Toasts
from projectloom.config import settings
from projectloom.logs import begin_logging
from projectloom.page_files import with_page_files
from projectloom.pages import add_pages
from projectloom.sealed_states import seal_states
from projectloom.service import Service

begin_logging(settings().log_format, settings().log_level)
if settings().redis_url:
    seal_states(settings().master_secret)
service = Service()

app = rx.App(
    api_transformer=[with_page_files, service.app],
    stylesheets=style.STYLESHEETS,
    head_components=style.head(),
    html_lang=style.HTML_LANG,
    toaster=Toasts.create(),
    # Nothing in the place of Reflex's own words and picture for a lost connection: ours are in template.py.
    extra_app_wraps={(5, "Overlay"): lambda _: rx.fragment(), **around_every_page()},
)
app.register_lifespan_task(service.running)
add_pages(app)


def served() -> ASGIApp:
    """What the production server runs: Reflex's application, and ahead of it the door for programs."""
    return with_door_for_programs(app())
