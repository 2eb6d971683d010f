"""What may stand in a log: never what a person typed.

Reflex writes a whole event, its arguments included, when it finds no handler for it (after an update, say). A provider
key may be among them, so those lines keep their cause and lose the event.
"""

import logging

_SPEAKERS = ("reflex_base.event.processor.event_processor", "reflex.app", "reflex.state")


class _WithoutArguments(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if "Event(" in record.getMessage():
            record.msg, record.args = "An event of a page could not be processed.", ()
            # The cause may quote the event as well; its kind is enough to look further.
            if record.exc_info and record.exc_info[0] is not None:
                record.msg += f" ({record.exc_info[0].__name__})"
            record.exc_info = record.exc_text = None
        return True


def keep_typed_text_out() -> None:
    """Take the arguments of events out of Reflex's log lines."""
    for name in _SPEAKERS:
        logging.getLogger(name).addFilter(_WithoutArguments())
