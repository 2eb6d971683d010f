"""The replies behind the activity as a file: exactly those that its page shows under the same address."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from projectloom.api.identity import person_of
from projectloom.db import in_thread
from projectloom.metering.activity_records import list_records, records_csv
from projectloom.metering.activity_wanted import want

router = APIRouter(prefix="/api")


@router.get("/activity.csv")
async def get_activity_csv(request: Request) -> StreamingResponse:
    """``?range=&since=&until=&on=&model=&source=&key=&payer=&conversation=``; no cell of it can be a formula.

    ``range`` is ``this_month`` unless told otherwise, ``last_month``, ``year_to_date``, ``all_time``, or ``days`` with
    ``since`` and ``until``, in UTC.
    """
    person = await person_of(request)
    asked = request.query_params
    wanted = want(asked.get("range") or "this_month", asked)
    # So that books out of reach are an answer of their own, not a file that breaks off.
    await in_thread(list_records, person.user_id, wanted, most=1)
    headers = {"content-disposition": 'attachment; filename="projectloom-activity.csv"', "cache-control": "no-store"}
    return StreamingResponse(records_csv(person.user_id, wanted), media_type="text/csv; charset=utf-8", headers=headers)
