"""The composition root: settings, HTTP routes, jobs and pages become one application."""

import reflex as rx

from projectloom import style
from projectloom.logs import keep_typed_text_out
from projectloom.page_files import with_page_files
from projectloom.pages import add_pages
from projectloom.service import Service

keep_typed_text_out()
service = Service()

app = rx.App(
    api_transformer=[with_page_files, service.app],
    stylesheets=style.STYLESHEETS,
    head_components=style.head(),
    html_lang=style.HTML_LANG,
    toaster=style.toaster(),
)
app.register_lifespan_task(service.running)
add_pages(app)
