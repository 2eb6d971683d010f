"""Finding, listing and expanding Stripe's objects, the same way for every kind of them."""

import sqlite3
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.bodies import as_list, as_object
from projectloom.sandbox.store import Kept
from projectloom.sandbox.stripe_forms import StripeFault

PAGE_SIZE = 10
MAX_PAGE_SIZE = 100
MAX_EXPANSION_DEPTH = 4

LISTING = ("limit", "starting_after", "ending_before", "created", "expand")
EXPAND = ("expand",)

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_EXPANDABLE = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "failure_balance_transaction": "balance_transaction",
    "invoice": "invoice",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "setup_intent": "setup_intent",
}


def found(db: sqlite3.Connection, kind: str, object_id: str, param: str = "id", *, status: int = 404) -> Kept:
    """The object, or Stripe's words for its absence."""
    kept = store.find(db, kind, object_id)
    if kept is None:
        words = f"No such {kind}: '{object_id[:100]}'"
        raise StripeFault(words, param=param, code="resource_missing", status=status)
    return kept


def listed(
    db: sqlite3.Connection,
    kind: str,
    query: dict[str, Any],
    *,
    url: str,
    by: tuple[str, ...] = (),
    where: list[str] | None = None,
    values: list[object] | None = None,
) -> dict[str, Any]:
    """A page of objects of a kind, newest first, filtered by these of their fields and by ``where``."""
    where, values = list(where or ()), list(values or ())
    for name in by:
        if value := forms.text(query, name):
            where.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
    limit = PAGE_SIZE
    if "limit" in query:
        limit = forms.integer(query["limit"], "limit", at_least=1, at_most=MAX_PAGE_SIZE)
    start, end = forms.text(query, "starting_after"), forms.text(query, "ending_before")
    if start and end:
        raise StripeFault("You can only pass one of starting_after and ending_before.", param="starting_after")
    _bound_creation(query, where, values)
    page = store.newest(
        db,
        kind,
        where=" AND ".join(where) or "1",
        values=tuple(values),
        before=found(db, kind, start, "starting_after").seq if start else None,
        after=found(db, kind, end, "ending_before").seq if end else None,
        limit=limit + 1,
    )
    shown = page[:limit][::-1] if end else page[:limit]
    return expanded(
        db, {"object": "list", "url": url, "has_more": len(page) > limit, "data": [kept.body for kept in shown]}, query
    )


def expanded(db: sqlite3.Connection, body: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The object, or each of a list, with what ``expand`` asks for put in place of its id."""
    for path in forms.hash_of(params, "expand").values():
        steps = str(path).split(".")
        if len(steps) > MAX_EXPANSION_DEPTH + (body["object"] == "list"):
            raise StripeFault(f"You can expand at most {MAX_EXPANSION_DEPTH} levels.", param="expand")
        body = _expand(db, body, steps)
    return body


def _expand(db: sqlite3.Connection, body: dict[str, Any], steps: list[str]) -> dict[str, Any]:
    name, rest = steps[0], steps[1:]
    if body["object"] == "list" and name == "data" and rest:
        return body | {"data": [_expand(db, one, rest) for one in body["data"]]}
    if body.get(name) is None and name in body and name in _EXPANDABLE:
        return body
    inner = _inside(db, body, name)
    return body | {name: _expand(db, inner, rest) if rest else inner}


def _inside(db: sqlite3.Connection, body: dict[str, Any], name: str) -> dict[str, Any]:
    match body["object"], name:
        case "checkout.session", "line_items":
            lines = found(db, "checkout.session", body["id"]).private["lines"]
            return list_of(lines, f"/v1/checkout/sessions/{body['id']}/line_items")
        case "charge", "refunds":
            refunds = store.newest(
                db,
                "refund",
                where="json_extract(body, '$.charge') = ?",
                values=(body["id"],),
                before=None,
                limit=PAGE_SIZE,
            )
            return list_of([kept.body for kept in refunds], f"/v1/charges/{body['id']}/refunds")
        case _ if name in _EXPANDABLE and name in body:
            shown = as_object(body[name])
            return shown if shown is not None else found(db, _EXPANDABLE[name], body[name]).body
        case _:
            raise StripeFault(f"This property cannot be expanded ({name[:100]}).", param="expand")


def list_of(objects: object, url: str) -> dict[str, Any]:
    """A list that is shown whole."""
    return {"object": "list", "data": as_list(objects) or [], "has_more": False, "url": url}


def _bound_creation(query: dict[str, Any], where: list[str], values: list[object]) -> None:
    created = query.get("created", {})
    bounds = as_object(created)
    for name, value in ({"": created} if bounds is None else bounds).items():
        if name and name not in _COMPARISONS:
            raise StripeFault(f"Received unknown parameter: created[{name}]", param="created")
        where.append(f"created {_COMPARISONS.get(name, '=')} ?")
        values.append(forms.integer(value, "created", at_least=0, at_most=1 << 40))
