"""Files in the meter: the hold covers whatever a provider counts for them, and they are sent with every later turn."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from projectloom import limits
from projectloom.attached import Attached, read_attached
from projectloom.clock import now
from projectloom.conversations.models import Attachment, MessageAttachment
from projectloom.conversations.tree import Place
from projectloom.db import reading, transaction
from projectloom.errors import IdempotencyConflict, InvalidInput, NoPictures, NotFound, TooLarge
from projectloom.metering import cards
from projectloom.metering.quotes import estimate, retry_estimates
from projectloom.metering.send import ask_again, send_message
from projectloom.providers import ChatMessage
from projectloom.workspace.attachments import forget_file, forget_unsent, keep_file, open_file
from projectloom.workspace.chats import (
    branch_out,
    delete_conversation,
    instruct,
    read_thread,
    restore_conversation,
)
from tests.conftest import new_person
from tests.metering.conftest import MODEL
from tests.metering.test_branches import saying
from tests.pictures import jpeg, png

CLAUDE = "claude-sonnet-5-5"


def sent(world, number: int = -1) -> list[dict]:
    return world.provider.asked[number].body["messages"]


def outline(files: tuple[Attached, ...]) -> list[tuple[str, str]]:
    return [(file.name, file.media_type) for file in files]


async def said(world, text: str, conversation_id: str | None = None, model: str = MODEL, **more):
    started = await send_message(world.person, conversation_id, text, model, **more)
    return started, (await world.watch(started.turn_id))[1]


async def test_files_are_sent_kept_with_their_message_and_sent_again_with_each_later_one(world):
    async with world(saying("Seen."), saying("Again.")) as w:
        picture, note = keep_file(w.person, "map.png", png()), keep_file(w.person, "note.txt", b"Row 1\nRow 2")
        started, receipt = await said(w, "What is this?", files=[picture.id, note.id])
        chat = started.conversation_id
        url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        asked = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": '<file name="note.txt">\nRow 1\nRow 2\n</file>\n\nWhat is this?'},
        ]
        assert sent(w) == [{"role": "user", "content": asked}]
        assert receipt.held_nanos > 0
        shown = read_thread(w.person, chat).messages
        assert outline(shown[0].attached) == [("map.png", "image/png"), ("note.txt", "text/plain")]
        assert all(not file.data for file in shown[0].attached)
        plain = estimate(w.person, MODEL, None, "And now?")
        later = estimate(w.person, MODEL, chat, "And now?")
        assert later.at_most_nanos > plain.at_most_nanos
        assert later.past_nanos > 0
        _, second = await said(w, "And now?", chat)
        assert sent(w)[0]["content"] == asked
        assert second.held_nanos == later.at_most_nanos


async def test_the_estimate_is_the_hold_with_files_too_and_grows_with_each(world):
    async with world(*[saying("Seen.")] * 2) as w:
        files = [keep_file(w.person, f"{n}.png", png(400, 300 + n)).id for n in range(3)]
        told = [estimate(w.person, MODEL, None, "Look", files=files[:count]) for count in range(4)]
        assert [one.at_most_nanos for one in told] == sorted({one.at_most_nanos for one in told})
        assert [one.likely_nanos for one in told] == sorted({one.likely_nanos for one in told})
        _, receipt = await said(w, "Look", files=files)
        assert receipt.held_nanos == told[3].at_most_nanos


async def test_a_picture_alone_is_a_message(world):
    async with world(saying("A map."), saying("Still a map.")) as w:
        picture = keep_file(w.person, "map.png", png())
        started, _ = await said(w, "", files=[picture.id])
        assert [part["type"] for part in sent(w)[0]["content"]] == ["image_url"]
        await said(w, "And?", started.conversation_id)
        assert [part["type"] for part in sent(w)[0]["content"]] == ["image_url"]
        with pytest.raises(InvalidInput, match="empty"):
            await send_message(w.person, None, " ", MODEL)


async def test_an_edit_a_retry_and_a_copy_have_the_files_too(world):
    async with world(saying("One."), saying("Two."), saying("Three."), saying("Four.")) as w:
        picture = keep_file(w.person, "map.png", png())
        started, _ = await said(w, "What?", files=[picture.id])
        chat = started.conversation_id
        question = read_thread(w.person, chat).ids[0]
        priced = dict(retry_estimates(w.person, chat, question, [MODEL]))[MODEL]
        again = await ask_again(w.person, chat, question, MODEL)
        _, receipt = await w.watch(again.turn_id)
        assert receipt.held_nanos == priced.at_most_nanos
        await said(w, "What exactly?", chat, place=Place(None), files=[picture.id])
        copy = branch_out(w.person, chat, question)
        await said(w, "Go on", copy)
        for number in range(1, 4):
            assert sent(w, number)[0]["content"][0]["type"] == "image_url"
        # One file, three messages: its bytes are kept once.
        with reading() as session:
            assert set(session.exec(select(MessageAttachment.attachment_id)).all()) == {picture.id}


async def test_anothers_file_cannot_be_sent_priced_opened_or_taken_away(world):
    async with world() as w:
        theirs = keep_file(new_person(), "secret.png", png())
        with pytest.raises(NotFound):
            await send_message(w.person, None, "Look", MODEL, files=[theirs.id])
        with pytest.raises(NotFound):
            estimate(w.person, MODEL, None, "Look", files=[theirs.id])
        for wrong in (theirs.id, "att_unknown", "", "a\x00b", "\ud800"):
            with pytest.raises(NotFound):
                open_file(w.person, wrong)
            with pytest.raises(NotFound):
                forget_file(w.person, wrong)
    with reading() as session:
        from projectloom.conversations.models import Attachment

        assert session.exec(select(Attachment.id)).all() == [theirs.id]


async def test_a_file_in_the_trash_is_gone_until_it_is_restored_and_a_sent_one_is_not_taken_away(world):
    async with world(saying("Seen.")) as w:
        picture = keep_file(w.person, "map.png", png())
        started, _ = await said(w, "What?", files=[picture.id])
        forget_file(w.person, picture.id)
        assert open_file(w.person, picture.id).data == png()
        delete_conversation(w.person, started.conversation_id)
        with pytest.raises(NotFound):
            open_file(w.person, picture.id)
        restore_conversation(w.person, started.conversation_id)
        assert open_file(w.person, picture.id).data == png()


async def test_what_was_never_sent_is_forgotten_after_its_time_and_what_was_sent_is_not(world, monkeypatch):
    async with world(saying("Seen.")) as w:
        kept, left = keep_file(w.person, "a.png", png()), keep_file(w.person, "b.png", png())
        await said(w, "What?", files=[kept.id])
        assert forget_unsent() == 0
        monkeypatch.setattr(limits, "UNSENT_DAYS", 0)
        assert forget_unsent() == 1
        assert open_file(w.person, kept.id).name == "a.png"
        with pytest.raises(NotFound):
            open_file(w.person, left.id)
        with pytest.raises(NotFound, match="Attach it once more"):
            await send_message(w.person, None, "Look", MODEL, files=[left.id])


async def test_too_much_is_refused_before_anything_is_held(world, monkeypatch):
    async with world(saying("Seen.")) as w:
        files = [keep_file(w.person, f"{n}.png", png()).id for n in range(limits.MAX_ATTACHED + 1)]
        assert estimate(w.person, MODEL, None, "Look", files=files).obstacle == "too_large"
        with pytest.raises(TooLarge, match="at most 10 files"):
            await send_message(w.person, None, "Look", MODEL, files=files)
        started, _ = await said(w, "Look", files=files[:5])
        monkeypatch.setattr(limits, "MAX_TOLD_PICTURES", 6)
        more = {"files": files[5:7]}
        assert "Start a new chat" in estimate(w.person, MODEL, started.conversation_id, "x", **more).obstacle_words
        with pytest.raises(TooLarge, match="more than 6 pictures"):
            await send_message(w.person, started.conversation_id, "x", MODEL, **more)
        monkeypatch.setattr(limits, "MAX_TOLD_PICTURES", 20)
        monkeypatch.setattr(limits, "MAX_TOLD_PICTURE_BYTES", 100)
        with pytest.raises(TooLarge, match="100 bytes in all"):
            await send_message(w.person, started.conversation_id, "x", MODEL, **more)
        assert w.balances.held_nanos == 0


async def test_nobody_keeps_more_than_their_share(world, monkeypatch):
    async with world() as w:
        monkeypatch.setattr(limits, "MAX_ATTACHED_BYTES_PER_PERSON", 2 * len(png()))
        keep_file(w.person, "a.png", png())
        keep_file(w.person, "b.png", png())
        with pytest.raises(TooLarge, match="which is the most"):
            keep_file(w.person, "c.png", png())
        keep_file(new_person(), "c.png", png())


async def test_uploads_at_once_keep_no_more_than_a_share(world, monkeypatch):
    async with world() as w:
        monkeypatch.setattr(limits, "MAX_ATTACHED_BYTES_PER_PERSON", 2 * len(png()))
        begin = threading.Barrier(4)

        def upload(number: int) -> bool:
            begin.wait()
            try:
                keep_file(w.person, f"{number}.png", png())
            except TooLarge:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            kept = list(threads.map(upload, range(4)))
        assert sum(kept) == 2


async def test_drafts_keep_little_and_old_ones_make_room(world, monkeypatch):
    async with world(saying("Seen.")) as w:
        monkeypatch.setattr(limits, "MAX_UNSENT_BYTES_PER_PERSON", 2 * len(png()))
        first, second = keep_file(w.person, "a.png", png()), keep_file(w.person, "b.png", png())
        with pytest.raises(TooLarge, match="Send or remove"):
            keep_file(w.person, "c.png", png())
        keep_file(new_person(), "c.png", png())
        # What is sent waits no more.
        await said(w, "What is this?", files=[first.id])
        third = keep_file(w.person, "c.png", png())
        with pytest.raises(TooLarge, match="Send or remove"):
            keep_file(w.person, "d.png", png())
        # A draft that somebody may have left behind for good keeps nobody from the next one.
        with transaction() as session:
            session.connection().execute(
                update(Attachment)
                .where(col(Attachment.id).in_([first.id, second.id]))
                .values(created_at=now() - timedelta(hours=limits.UNSENT_LEAST_HOURS + 1))
            )
        keep_file(w.person, "d.png", png())
        with pytest.raises(NotFound):
            open_file(w.person, second.id)
        assert [open_file(w.person, one.id).id for one in (first, third)] == [first.id, third.id]


async def test_a_model_that_takes_no_pictures_says_so_before_anything_is_sent(world, monkeypatch):
    from dataclasses import replace

    real = cards.current_card

    def blind(session):
        known = real(session)
        models = tuple(replace(one, takes_pictures=one.id != MODEL) for one in known.card.models)
        return replace(known, card=replace(known.card, models=models))

    for name in ("cards", "quotes", "opening", "plain_turns"):
        monkeypatch.setattr(f"projectloom.metering.{name}.current_card", blind)
    async with world() as w:
        picture, note = keep_file(w.person, "map.png", png()), keep_file(w.person, "a.txt", b"Words")
        told = estimate(w.person, MODEL, None, "Look", files=[picture.id])
        assert told.obstacle == "no_pictures"
        assert told.obstacle_words.startswith("GPT-6.1 Sol takes no pictures.")
        with pytest.raises(NoPictures):
            await send_message(w.person, None, "Look", MODEL, files=[picture.id])
        assert estimate(w.person, MODEL, None, "Look", files=[note.id]).obstacle is None
        assert estimate(w.person, "gpt-6-luna", None, "Look", files=[picture.id]).obstacle is None


async def test_the_same_request_with_another_file_is_another_request(world):
    async with world(saying("Seen.")) as w:
        first, second = keep_file(w.person, "a.png", png()), keep_file(w.person, "a.png", jpeg())
        started = await send_message(w.person, None, "Look", MODEL, "req_1", files=[first.id])
        await w.watch(started.turn_id)
        same = await send_message(w.person, None, "Look", MODEL, "req_1", files=[first.id])
        assert same.turn_id == started.turn_id
        with pytest.raises(IdempotencyConflict):
            await send_message(w.person, None, "Look", MODEL, "req_1", files=[second.id])


async def test_a_file_that_came_with_the_request_is_kept_with_its_message(world):
    async with world(saying("Seen."), saying("Again.")) as w:
        message = ChatMessage("user", "Look", attached=(read_attached("a.png", png()),))
        text, _ = await w.reply(messages=(message,))
        assert text == "Seen."
        with reading() as session:
            from projectloom.conversations.models import Attachment

            row = session.exec(select(Attachment)).one()
        assert (row.user_id, row.name, row.data) == (w.person, "a.png", png())


async def test_instructions_are_told_first_priced_and_go_along_into_a_copy(world):
    async with world(saying("Aye."), saying("Aye aye."), saying("Ahoy.")) as w:
        words = "Speak like a sailor. " * 20
        plain = estimate(w.person, MODEL, None, "Hello")
        told = estimate(w.person, MODEL, None, "Hello", instructions=words)
        assert told.at_most_nanos > plain.at_most_nanos
        assert told.likely_nanos > plain.likely_nanos
        started, receipt = await said(w, "Hello", instructions=words)
        chat = started.conversation_id
        assert receipt.held_nanos == told.at_most_nanos
        assert sent(w) == [{"role": "system", "content": words.strip()}, {"role": "user", "content": "Hello"}]
        assert read_thread(w.person, chat).instructions == words.strip()
        # The chat's own, whatever a later message brings.
        await said(w, "More", chat, instructions="Other words")
        assert sent(w)[0]["content"] == words.strip()
        copy = branch_out(w.person, chat, read_thread(w.person, chat).ids[0])
        assert read_thread(w.person, copy).instructions == words.strip()
        instruct(w.person, chat, "")
        await said(w, "Last", chat)
        assert [message["role"] for message in sent(w)] == ["user", "assistant", "user", "assistant", "user"]


async def test_instructions_are_bounded_and_the_persons_own(world):
    async with world() as w:
        for wrong in ("x" * (limits.MAX_INSTRUCTIONS_CHARS + 1), "a\x00b", "\ud800"):
            with pytest.raises(InvalidInput):
                await send_message(w.person, None, "Hello", MODEL, instructions=wrong)
        with pytest.raises(NotFound):
            instruct(new_person(), "conv_unknown", "x")
