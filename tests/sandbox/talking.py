"""Conversations with tools and images, told alike for both providers' SDKs."""

import json

from .world import World

ANTHROPIC = "claude-sonnet-5-5"
OPENAI = "gpt-5.4-mini"
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
        "days": {"type": "integer", "minimum": 3},
        "note": {"type": "string"},
    },
    "required": ["city", "unit", "days"],
}
NAMES = ("weather", "search_notes")


def anthropic_tools():
    return [{"name": name, "description": f"About {name}.", "input_schema": SCHEMA} for name in NAMES]


def openai_tools():
    return [
        {"type": "function", "function": {"name": name, "description": f"About {name}.", "parameters": SCHEMA}}
        for name in NAMES
    ]


class Claude:
    """A conversation through Anthropic's SDK."""

    def __init__(self, world: World) -> None:
        self.client, self.messages = world.anthropic(), []
        self.text, self.calls, self.stop, self.usage, self.kinds = "", [], "", (0, 0), []

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        return self

    async def hear(self, choice=None, *, stream=False, tools=True, **more):
        forced = {"required": {"type": "any"}, "auto": {"type": "auto"}, "none": {"type": "none"}}
        if choice:
            more["tool_choice"] = forced.get(choice, {"type": "tool", "name": choice})
        if tools:
            more["tools"] = anthropic_tools()
        asked = {"model": ANTHROPIC, "max_tokens": 2_000, "messages": self.messages} | more
        if stream:
            async with self.client.messages.stream(**asked) as events:
                self.kinds = [event.type async for event in events]
                answer = await events.get_final_message()
        else:
            answer = await self.client.messages.create(**asked)
        self.messages.append({"role": "assistant", "content": [block.model_dump() for block in answer.content]})
        self.text = "".join(block.text for block in answer.content if block.type == "text")
        self.calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
        self.ids = [block.id for block in answer.content if block.type == "tool_use"]
        self.stop = {"tool_use": "tools", "end_turn": "end", "max_tokens": "length"}[answer.stop_reason]
        self.usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        return self

    def tell(self, *results):
        blocks = [
            {"type": "tool_result", "tool_use_id": identity, "content": result}
            for identity, result in zip(self.ids, results, strict=True)
        ]
        self.messages.append({"role": "user", "content": blocks})
        return self

    def show(self, text, url):
        media_type, _, data = url.removeprefix("data:").partition(";base64,")
        source = {"type": "base64", "media_type": media_type, "data": data} if data else {"type": "url", "url": url}
        return self.say([{"type": "image", "source": source}, {"type": "text", "text": text}])


class Gpt:
    """A conversation through OpenAI's SDK."""

    def __init__(self, world: World) -> None:
        self.client, self.messages = world.openai(), []
        self.text, self.calls, self.stop, self.usage, self.kinds = "", [], "", (0, 0), []

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        return self

    async def hear(self, choice=None, *, stream=False, tools=True, **more):
        if choice:
            named = {"type": "function", "function": {"name": choice}}
            more["tool_choice"] = choice if choice in ("required", "auto", "none") else named
        if tools:
            more["tools"] = openai_tools()
        asked = {"model": OPENAI, "max_completion_tokens": 2_000, "messages": self.messages} | more
        if stream:
            options = {"include_usage": True}
            async with self.client.chat.completions.stream(**asked, stream_options=options) as events:
                self.kinds = [event.type async for event in events]
                answer = await events.get_final_completion()
        else:
            answer = await self.client.chat.completions.create(**asked)
        choice = answer.choices[0]
        self.messages.append(choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        found = choice.message.tool_calls or []
        self.text = choice.message.content or ""
        self.calls = [(call.function.name, json.loads(call.function.arguments)) for call in found]
        self.ids = [call.id for call in found]
        self.stop = {"tool_calls": "tools", "stop": "end", "length": "length"}[choice.finish_reason]
        self.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return self

    def tell(self, *results):
        for identity, result in zip(self.ids, results, strict=True):
            self.messages.append({"role": "tool", "tool_call_id": identity, "content": result})
        return self

    def show(self, text, url):
        return self.say([{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}])
