"""How slow this machine is, so that a limit in milliseconds says the same of the product wherever the tests run."""

import json
import time

# The processor time that the work below takes on the machine for which the limits in the tests were set.
REFERENCE_SECONDS = 0.018
_ROUNDS = 1_500
_WORK = {"numbers": list(range(50)), "words": "x" * 200}


def slowness() -> float:
    """How many times as long as on that machine the same work takes here and now; never less than one."""
    began = time.thread_time()
    for _ in range(_ROUNDS):
        json.loads(json.dumps(_WORK))
    return max(1.0, (time.thread_time() - began) / REFERENCE_SECONDS)
