"""A prompt in any script is held for what it may cost at most, however its model cuts it into tokens."""

import pytest

from projectloom.providers import ChatMessage
from tests.providers.dialects import O_DONE, O_START, o_chunk, o_text, o_usage
from tests.providers.scripted_server import stream

SCRIPTS = {
    "Latin": "The quick brown fox jumps over the lazy dog. ",
    "Cyrillic": "Съешь же ещё этих мягких французских булок. ",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ",
    "Arabic": "نص حكيم له سر قاطع وذو شأن عظيم. ",
    "Hebrew": "דג סקרן שט בים מאוכזב ולפתע מצא חברה. ",
    "Devanagari": "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा। ",
    "Tamil": "யாமறிந்த மொழிகளிலே தமிழ்மொழி போல். ",
    "Thai": "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า ",
    "Khmer": "ខ្ញុំអាចញុំកញ្ចក់បាន ",
    "Tibetan": "ཤེལ་སྒོ་ཟ་ནས་ང་ན་གི་མ་རེད། ",
    "Georgian": "მინას ვჭამ და არა მტკივა. ",
    "Ethiopic": "ሰማይ አይታረስ ንጉሥ አይከሰስ። ",
    "Chinese": "視野無限廣窗外有藍天。",
    "Japanese": "いろはにほへと ちりぬるを。",
    "Korean": "키스의 고유조건은 입술끼리 만나야 한다. ",
    "Hieroglyphs": "𓀀𓁐𓂀𓃒𓅓𓆣",
    "Cuneiform": "𒀀𒁀𒂀𒃻𒄀",
    "Emoji joined by zero-width joiners": "👩‍👩‍👧‍👦🏳️‍🌈",
    "Marks heaped on a letter": "Z̷̡̢̛͎̟͖̲̗̱̯̈́̌̔a̸l̴g̶o̷",
    "Directions and joiners alone": "\u202e\u2066\u200d\u200b\ufeff",
}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_prompt_in_any_script_at_a_token_a_byte_is_charged_within_its_hold(world, script: str):
    prompt = SCRIPTS[script] * 300
    # No tokenizer that works on bytes makes more of a text than it has bytes.
    counts = {"prompt_tokens": len(prompt.encode()), "completion_tokens": 2}
    counts["total_tokens"] = sum(counts.values())
    answered = stream(O_START, o_text("Read."), o_chunk({}, "stop"), o_usage(counts), O_DONE)
    async with world(answered) as w:
        text, receipt = await w.reply(messages=(ChatMessage("user", prompt),))
        assert text == "Read."
        assert receipt.usage.input_tokens == counts["prompt_tokens"]
        assert 0 < receipt.charged_nanos <= receipt.held_nanos
        assert receipt.charged_nanos == receipt.provider_cost_nanos, "the house lost what the hold did not cover"
        assert w.balances.held_nanos == 0
