"""Expected trouble.

Every error that a person or a client may meet is a :class:`LoomError`: a stable ``code`` that each door maps once, a
``message`` written for people, whether trying again can help, and data for the doors. A broken invariant is not one of
these: it raises loudly.
"""

from typing import ClassVar


class LoomError(Exception):
    """Expected trouble, with a stable code and a message for people."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = "Something went wrong."

    def __init__(self, message: str | None = None, **data: object) -> None:
        self.message = message or self.default_message
        self.data = data
        super().__init__(self.message)


class InvalidInput(LoomError):
    """What the caller sent cannot be used as it is."""

    code = "invalid_input"
    default_message = "That request is not valid."


class InvalidAmount(LoomError):
    """The amount asked for is not one that is sold."""

    code = "invalid_amount"
    default_message = "Invalid amount"


class TooLarge(LoomError):
    """The body or prompt is over a named limit."""

    code = "too_large"
    default_message = "That is too large."


class TooSlow(LoomError):
    """The body did not arrive within the time that one of its size may take."""

    code = "too_slow"
    default_message = "The request took too long to arrive, and nothing was done. Please send it again."


class Unauthorized(LoomError):
    """Nobody is signed in, or the session has ended."""

    code = "unauthorized"
    default_message = "Unauthorized"


class Forbidden(LoomError):
    """The request came from a place that may not act for this person."""

    code = "forbidden"
    default_message = "That request came from another site and was refused."


class NotFound(LoomError):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"
    default_message = "Not found."


class NoSuchPage(NotFound):
    """There is no such page for whoever asks, as the page itself says."""


class InvalidCredentials(LoomError):
    """E-mail and password do not match an account. Says no more than that."""

    code = "invalid_credentials"
    default_message = "That e-mail and password do not match."


class SignInUnavailable(LoomError):
    """Clerk, which signs people in, cannot be asked, so nobody can be told from anybody else."""

    code = "sign_in_unavailable"
    retryable = True
    default_message = "The sign-in service does not answer. Please try again in a moment."


class EmailUnconfirmed(LoomError):
    """The server wants to know first that the person reads mails at their address."""

    code = "email_unconfirmed"
    default_message = "Please confirm your e-mail first. Open the link in the mail that we sent you."


class AccountUnproven(LoomError):
    """Who opened a link reads the mails of an address, and has yet to show that the account with it is theirs."""

    code = "account_unproven"
    default_message = (
        "Is the account yours? Sign in with it in this browser and open the link again, or enter its password here."
    )


class LinkOver(LoomError):
    """A link in a mail that was opened before, is too old, or was never sent."""

    code = "link_over"
    default_message = (
        "This link is over: it was used before, a later one was sent, or it is too old. Ask for another one."
    )


class EmailTaken(LoomError):
    """An account with this e-mail exists."""

    code = "email_taken"
    default_message = "There is already an account with this e-mail. Sign in instead."


class TooManyRequests(LoomError):
    """A limit per person or address was reached. ``data['retry_after']`` is whole seconds."""

    code = "too_many_requests"
    retryable = True
    default_message = "Too many requests. Please wait a moment."


class DayCeilingReached(LoomError):
    """The operator's ceiling for a day is reached. ``data['retry_after']`` is the seconds until the next day."""

    code = "day_ceiling_reached"
    retryable = True
    default_message = (
        "This server has spent what its operator allows for a day, so nothing was sent. Replies on credits begin again "
        "at midnight (UTC); your own API keys work as before."
    )


class InsufficientCredits(LoomError):
    """Less is available than the call may cost at the least."""

    code = "insufficient_credits"
    default_message = "Insufficient credits. Please purchase more."


class CapReached(LoomError):
    """A cap that the person set for themselves leaves too little. ``data`` says which, what is left, and until when."""

    code = "cap_reached"
    default_message = "A cap that you set leaves too little for this reply."


class BudgetReached(LoomError):
    """What was allowed for this work leaves too little for its next call. ``data['left_nanos']`` says what is left."""

    code = "budget_reached"
    default_message = "The budget of this run leaves too little for another step."


class ProposalStale(LoomError):
    """What an agent proposed no longer fits: the thing has changed since, or is gone."""

    code = "proposal_stale"
    default_message = "This has changed since it was proposed, so nothing was done."


class ProposalDecided(LoomError):
    """The proposal was decided before, the other way."""

    code = "proposal_decided"
    default_message = "You have decided this before."


class MissingApiKey(LoomError):
    """Own-key funding without a key for the model's provider."""

    code = "missing_api_key"
    default_message = "Missing API key"


class UnknownModel(LoomError):
    """The model is not on the price card: no price, no call."""

    code = "unknown_model"
    default_message = "That model is not available here."


class CreditsUnavailable(LoomError):
    """This server cannot pay for the model's provider: its operator set no key for it."""

    code = "credits_unavailable"
    default_message = "This server cannot offer that model with credits. Choose another model, or use your own API key."


class PromptTooLong(LoomError):
    """The prompt does not fit the model's context."""

    code = "prompt_too_long"
    default_message = "This conversation is too long for the model. Start a new one or choose a model with more room."


class NoPictures(LoomError):
    """There are pictures in the prompt, and the model takes none. ``data['model']`` names it."""

    code = "no_pictures"
    default_message = "This model takes no pictures. Choose another model, or leave the pictures out."


class InvalidSignature(LoomError):
    """A webhook whose signature does not verify."""

    code = "invalid_signature"
    default_message = "Invalid signature"


class InvalidEvent(LoomError):
    """A signed webhook that lacks what we need to record it."""

    code = "invalid_event"
    default_message = "Missing metadata"


class PaymentUnavailable(LoomError):
    """The payment provider refused, failed, or is not set up."""

    code = "payment_unavailable"
    retryable = True
    default_message = "The payment page could not be opened. You have not been charged. Please try again."


class CardRefused(LoomError):
    """A saved card was not charged: declined, or its owner must confirm. ``data['reason']`` is Stripe's code."""

    code = "card_refused"
    default_message = "Your bank did not accept the charge. You have not been charged."


class NoSavedCard(LoomError):
    """What was asked for needs a saved card, and there is none."""

    code = "no_saved_card"
    default_message = "Save a card first."


class PurchasesPaused(LoomError):
    """A payment of this person's is disputed; buying more has to wait."""

    code = "purchases_paused"
    default_message = "Your bank has questioned one of your payments. You can buy credits again when that is settled."


class UnknownCode(LoomError):
    """There is no such promotional code."""

    code = "unknown_code"
    default_message = "We do not know that code. Please check how it is written."


class CodeExpired(LoomError):
    """The time in which the promotional code could be redeemed is over."""

    code = "code_expired"
    default_message = "That code has expired."


class CodeUsedUp(LoomError):
    """As many people as the promotional code is for have redeemed it."""

    code = "code_used_up"
    default_message = "That code has been used as often as it can be."


class NotRefundable(LoomError):
    """A purchase that its buyer cannot take back by themselves."""

    code = "not_refundable"
    default_message = "This purchase can no longer be refunded here."


class NotRevocable(LoomError):
    """Credit that was bought, or came with a purchase, and so is not the operator's to take back."""

    code = "not_revocable"
    default_message = "Only credit that was given by itself can be taken back. A purchase goes back by a refund."


class IdempotencyConflict(LoomError):
    """The same idempotency key came with other input."""

    code = "idempotency_conflict"
    default_message = "This request was already made with other content."


class HoldResolved(LoomError):
    """The hold was captured, voided or expired before. ``data['state']`` says which."""

    code = "hold_resolved"
    default_message = "This hold is already resolved."


class CreditLeft(LoomError):
    """Somebody wants to leave and still has credit. ``data['credit_nanos']`` says how much."""

    code = "credit_left"
    default_message = "There is credit left on your balance."


class RepliesRunning(LoomError):
    """What was asked for has to wait until the person's replies have ended."""

    code = "replies_running"
    default_message = "A reply is being written. Stop it or wait for its end, then try again."


class DatabaseUnavailable(LoomError):
    """The database is locked, full, restarting or out of connections."""

    code = "database_unavailable"
    retryable = True
    default_message = "The books cannot be reached right now. Nothing was charged. Please try again in a moment."


class ServerStopping(LoomError):
    """This server was asked to end and begins nothing new; another one, or the next, does."""

    code = "server_stopping"
    retryable = True
    default_message = "This server is being restarted. Nothing was charged. Please try again in a moment."


class ProviderError(LoomError):
    """The model's provider refused, failed or broke off. ``data['kind']`` says how, without its words."""

    code = "provider_error"
    retryable = True
    default_message = "The model's provider did not answer. Please try again."


class KeyRefused(ProviderError):
    """The provider did not take the key, or its account has no funds: only another key or payer can help."""

    code = "key_refused"
