"""What is asked of the meter, whichever part of the product asks: chat, agent, summaries, embeddings, titles."""

from dataclasses import dataclass, field
from typing import Literal

from projectloom.errors import InvalidInput
from projectloom.ledger.journal import input_hash
from projectloom.metering.terms import check_messages, check_texts, tool_texts
from projectloom.money import Nanos
from projectloom.providers import ChatMessage, Tool
from projectloom.texts import is_storable

Source = Literal["chat", "agent", "summarize", "embeddings", "title"]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One model call. The prompt and the key show in no repr."""

    user_id: str
    model: str | None
    """None takes the person's usual model, or one that they have a key for."""
    messages: tuple[ChatMessage, ...] = field(repr=False)
    """The conversation; for vectors one message for each text."""
    conversation_id: str | None = None
    """Which conversation it is about. None begins one where the exchange is kept."""
    max_tokens: int | None = None
    source: Source = "chat"
    kept: bool = True
    """Whether the prompt's last message and the reply become messages of the conversation."""
    on_the_house: bool = False
    """The person did not ask for it, so where they pay with credits, nobody is charged."""
    own_keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Keys that came with the request, by provider. They stand in for stored ones and are not kept."""
    client_request_id: str | None = None
    tools: tuple[Tool, ...] = field(default=(), repr=False)
    """Tools of ours that the model may ask for. Whoever asks runs them, or does not."""
    most_nanos: Nanos | None = None
    """The most that it may cost, whoever pays; None leaves it to the balance and the person's caps."""
    counted_input: int | None = None
    """The provider's own count of the input: None before it was asked, 0 where it did not tell."""
    turn_id: str | None = None
    """The id that its turn gets, where the caller had to write it down before; None makes one up."""

    @property
    def wants_vectors(self) -> bool:
        """Whether vectors are asked for and no reply."""
        return self.source == "embeddings"


def check_request(request: TurnRequest) -> None:
    """Refuse what no provider could be sent. Raises InvalidInput, TooLarge."""
    if request.wants_vectors:
        check_texts(request.messages)
    else:
        check_messages(request.messages)
    if request.client_request_id is not None and not is_storable(request.client_request_id):
        raise InvalidInput("The request's id has characters that are not valid text.")


def hash_of(request: TurnRequest) -> str:
    """What makes two requests under one id the same."""
    return input_hash(
        {
            "model": request.model,
            "messages": [[message.role, message.text] for message in request.messages],
            "tools": tool_texts(request.messages, request.tools),
            "max_tokens": request.max_tokens,
            "conversation": request.conversation_id,
        }
    )
