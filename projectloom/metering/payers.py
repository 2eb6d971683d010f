"""Who pays for a turn, with which key, and the model where none was named."""

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.keys import open_key
from projectloom.accounts.preferences import read_preference
from projectloom.config import settings
from projectloom.errors import CreditsUnavailable, LoomError, MissingApiKey, UnknownModel
from projectloom.metering.cards import VersionedCard
from projectloom.metering.models import Funding
from projectloom.metering.requests import TurnRequest
from projectloom.pricing import PricedModel
from projectloom.providers import ProviderName


def payer_of(session: Session, request: TurnRequest) -> Funding:
    """Who pays, by the person's stored preference."""
    credits = read_preference(session, user_id=request.user_id).api_key_mode == Funding.CREDITS
    if not credits:
        return Funding.OWN_KEY
    return Funding.HOUSE if request.on_the_house else Funding.CREDITS


def model_and_key(
    session: Session, request: TurnRequest, versioned: VersionedCard, funding: Funding
) -> tuple[PricedModel, str]:
    """The priced model and the key that it is called with.

    Raises:
        UnknownModel: it is not on the card, or of another kind.
        MissingApiKey, CreditsUnavailable: nobody's key can call it.
    """
    if request.model is not None:
        model = versioned.card.model(request.model)
        if (model.kind == "embedding") != request.wants_vectors:
            raise UnknownModel(model=request.model)
        key = _key_for(session, request, model.provider, funding)
        if key is None:
            raise _no_key(funding, model.provider)
        return model, key
    for model in _usual_models(session, request, versioned):
        key = _key_for(session, request, model.provider, funding)
        if key:
            return model, key
    raise _no_key(funding, None)


def _usual_models(session: Session, request: TurnRequest, versioned: VersionedCard) -> list[PricedModel]:
    if request.wants_vectors:
        return [model for model in versioned.card.models if model.kind == "embedding"]
    chosen = read_preference(session, user_id=request.user_id).default_model
    offered = {model.id: model for model in versioned.card.chat_models()}
    return [offered[name] for name in (chosen, *limits.DEFAULT_MODELS) if name in offered]


def _key_for(session: Session, request: TurnRequest, provider: ProviderName, funding: Funding) -> str | None:
    if funding != Funding.OWN_KEY:
        return settings().operator_key(provider)
    return request.own_keys.get(provider) or open_key(
        session,
        user_id=request.user_id,
        provider=provider,
        master_secret=settings().master_secret,
        previous=settings().previous_secrets,
    )


def _no_key(funding: Funding, provider: str | None) -> LoomError:
    return MissingApiKey(provider=provider) if funding == Funding.OWN_KEY else CreditsUnavailable(provider=provider)
