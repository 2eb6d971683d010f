"""What is asked of the meter, whichever part of the product asks: chat, agent, summaries, embeddings, titles."""

from dataclasses import dataclass, field
from typing import Literal

from projectloom.conversations.tree import Place
from projectloom.errors import InvalidInput
from projectloom.ledger.journal import input_hash
from projectloom.metering.cards import VersionedCard
from projectloom.metering.models import Funding
from projectloom.metering.prompts import check_messages, check_texts, tool_texts
from projectloom.metering.terms import Asked
from projectloom.metering.wire_calls import check_wire
from projectloom.money import Nanos
from projectloom.pricing import PricedModel
from projectloom.providers import ChatMessage, Tool, WireRequest
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
    begins: str | None = None
    """The words with which a conversation of that id is begun where there is none; None finds one or nothing."""
    instructions: str = field(default="", repr=False)
    """What a conversation that is begun tells every model; they stand among the messages as well."""
    again: bool = False
    """Whether the prompt was asked before in that conversation, and is answered once more."""
    place: Place | None = None
    """Where in that conversation the exchange goes; None for after whatever was written last."""
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

    api_key_id: str | None = None
    """The person's key that it came with, which spends within its own limits; None for a session."""
    wire: WireRequest | None = None
    """The request as a program wrote it in the provider's own format, to be passed on as it is. It has no messages
    here, and its exchange is not kept."""

    @property
    def wants_vectors(self) -> bool:
        """Whether vectors are asked for and no reply."""
        return self.source == "embeddings"


def check_request(request: TurnRequest) -> None:
    """Refuse what no provider could be sent. Raises InvalidInput, TooLarge."""
    if request.wire is not None:
        # It was read when it came; what else is wrong with it the provider says in its own words.
        pass
    elif request.wants_vectors:
        check_texts(request.messages)
    else:
        check_messages(request.messages)
    if request.client_request_id is not None and not is_storable(request.client_request_id):
        raise InvalidInput("The request's id has characters that are not valid text.")


def asked_of(request: TurnRequest, versioned: VersionedCard, model: PricedModel, funding: Funding) -> Asked:
    """What the terms of a request depend on, once its model and its payer are known.

    Raises UnknownModel, InvalidInput where the model is another provider's or the card has no price for what is asked.
    """
    if request.wire is not None:
        check_wire(request.wire, model, funding)
    return Asked(
        user_id=request.user_id,
        versioned=versioned,
        model=model,
        funding=funding,
        messages=request.messages,
        conversation_id=request.conversation_id,
        max_tokens=request.max_tokens,
        tools=request.tools,
        most_nanos=request.most_nanos,
        counted_input=request.counted_input,
        api_key_id=request.api_key_id,
        wire=request.wire,
        kept_key=funding == Funding.OWN_KEY and model.provider not in request.own_keys,
    )


def hash_of(request: TurnRequest) -> str:
    """What makes two requests under one id the same."""
    return input_hash(
        {
            "model": request.model,
            "messages": [
                [message.role, message.text, *([file.name, file.digest] for file in message.attached)]
                for message in request.messages
            ],
            "tools": tool_texts(request.messages, request.tools),
            "max_tokens": request.max_tokens,
            "conversation": request.conversation_id,
        }
        | ({} if request.place is None else {"after": request.place.after, "answers": request.place.answers})
        | ({} if request.wire is None else {"wire": request.wire.body, "path": request.wire.path})
    )
