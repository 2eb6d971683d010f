import logging

from projectloom.logs import keep_typed_text_out


def test_what_was_typed_into_an_event_that_nobody_handles_is_not_logged(caplog):
    keep_typed_text_out()
    logger = logging.getLogger("reflex_base.event.processor.event_processor")
    cause = KeyError("no handler for Event(payload={'key': 'sk-ant-secret'})")
    logger.error("Error processing event queue entry for Event(payload={'key': 'sk-ant-secret'})", exc_info=cause)
    logger.warning("something harmless")
    assert "sk-ant-secret" not in caplog.text
    assert "could not be processed" in caplog.text
    assert "something harmless" in caplog.text
