"""Why a run ended, in words for its person: the same on the page and over HTTP."""

from projectloom import limits


def words_of_end(reason: str | None) -> str:
    """What to know about a run that did not simply answer; empty for one that did, and for one that runs."""
    return _WORDS.get(reason or "", "")


_WORDS = {
    "person": "Stopped. What came until then is kept.",
    "step_limit": f"The agent stopped after {limits.AGENT_STEPS} steps, the most that one run may take.",
    "budget": "The agent stopped because what is left of this run's budget does not cover another step.",
    "credits": "The agent stopped because your credits do not cover another step.",
    "cap": "The agent stopped because a cap that you set does not cover another step.",
    "payer": "The agent stopped because you changed who pays. Its steps so far were paid as it began; start it again.",
    "key": "The agent stopped because your own API key is gone. Nobody else was charged in its place.",
    "too_long": "The agent stopped because it has read more than the model can take.",
    "provider": "The model's provider failed or broke off. You only pay for what came.",
    "no_answer": "The model gave no answer.",
    "trouble": "Something went wrong, so the agent stopped. You only pay for the steps that were made.",
    "interrupted": "The server was interrupted while the agent was at work. You only pay for the steps that were made.",
}
