// The Vercel AI SDK's own chat and transport, driven from a test: a line of JSON in for each thing to do, one out for
// each answer. What is sent, stopped or resumed goes on while the next lines are read, as it does beside a page.

import { AbstractChat, DefaultChatTransport } from "ai";
import { createInterface } from "node:readline";

// What @ai-sdk/react keeps in React's state, in plain fields.
class PlainState {
  status = "ready";
  error = undefined;

  constructor(messages) {
    this.messages = messages;
  }

  pushMessage = (message) => {
    this.messages = [...this.messages, message];
  };

  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };

  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, structuredClone(message));
  };

  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor({ messages = [], ...init }) {
    super({ ...init, state: new PlainState(messages) });
  }
}

const opened = new Map();

const actions = {
  open({ chat, id, messages, transport }) {
    const ends = [];
    const onFinish = ({ isAbort, isDisconnect, isError }) => ends.push({ isAbort, isDisconnect, isError });
    const made = new Chat({ id, messages, onFinish, transport: new DefaultChatTransport(transport) });
    opened.set(chat, { made, ends, busy: Promise.resolve() });
    return { id: made.id };
  },
  send: ({ chat, message, options }) => begin(chat, (made) => made.sendMessage(message, options)),
  resume: ({ chat }) => begin(chat, (made) => made.resumeStream()),
  regenerate: ({ chat, options }) => begin(chat, (made) => made.regenerate(options)),
  async stop({ chat }) {
    await opened.get(chat).made.stop();
    return look(chat);
  },
  async end({ chat }) {
    await opened.get(chat).busy;
    return look(chat);
  },
  look: ({ chat }) => look(chat),
};

function begin(chat, action) {
  const entry = opened.get(chat);
  entry.busy = action(entry.made);
  return {};
}

function look(chat) {
  const { made, ends } = opened.get(chat);
  const { status, error, messages } = made;
  const told = error && { message: error.message, status: error.statusCode ?? null };
  return { status, error: told ?? null, messages, ends };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { number, action, ...values } = JSON.parse(line);
  Promise.resolve()
    .then(() => actions[action](values))
    .then((answer) => ({ number, answer }), (error) => ({ number, failed: String(error?.stack ?? error) }))
    .then((told) => process.stdout.write(`${JSON.stringify(told)}\n`));
}
