// How a message looks, and what can be done with it.

import type { Message } from "../index.js";
import { button, bytes, clockOf, make } from "./dom.js";
import type { Pending } from "./outbox.js";

/** What one can do with messages. */
export interface Actions {
  react(message: Message, emoji: string, on: boolean): void;
  pick(message: Message): void;
  reply(message: Message): void;
  edit(message: Message): void;
  remove(message: Message): void;
  download(id: string, name: string): void;
  jump(id: string): void;
  again(pending: Pending): void;
  discard(pending: Pending): void;
}

/** How it is seen by the caller. */
export interface Seen {
  own: boolean;
  /** The first of several of the same author. */
  first: boolean;
  mayRemove: boolean;
  /** What the message says that it answers. */
  parent: string;
  /** Who has read it, below the last one of one's own. */
  receipt: string;
}

export function messageItem(message: Message, seen: Seen, actions: Actions): HTMLLIElement {
  const bubble = make(
    "div",
    { className: "bubble" },
    message.parentMessageId !== null && quote(message.parentMessageId, seen.parent, actions),
    make("p", { className: "body", textContent: message.body, dir: "auto" }),
    ...message.attachments.map((it) => attachment(it, actions)),
    make(
      "p",
      { className: "meta" },
      message.editedOn !== null && make("span", { textContent: "edited" }),
      message.pinnedOn !== null && make("span", { textContent: "pinned" }),
      message.replyCount > 0 &&
        make("span", { textContent: message.replyCount === 1 ? "1 reply" : `${message.replyCount} replies` }),
      clockOf(message.createdOn),
    ),
  );
  const item = make(
    "li",
    { className: names("message", seen.own && "own", seen.first && "first"), tabIndex: -1 },
    make("p", { className: "from", textContent: seen.own ? "You" : message.createdBy }),
    bubble,
    reactions(message, actions),
    seen.receipt !== "" && make("p", { className: "receipt", textContent: seen.receipt }),
    tools(message, seen, actions),
  );
  item.dataset["id"] = message.id;
  return item;
}

/** One that is on its way, or was refused. */
export function pendingItem(pending: Pending, first: boolean, actions: Actions): HTMLLIElement {
  const failed = pending.problem !== null;
  const item = make(
    "li",
    { className: names("message", "own", first && "first", failed ? "failed" : "pending"), tabIndex: -1 },
    make("p", { className: "from", textContent: "You" }),
    make(
      "div",
      { className: "bubble" },
      make("p", { className: "body", textContent: pending.body, dir: "auto" }),
      ...pending.files.map((it) => make("p", { className: "soft", textContent: `${it.name}, ${bytes(it.size)}` })),
    ),
    make(
      "p",
      { className: "receipt", textContent: failed ? `Not sent: ${pending.problem} ` : "Sending …" },
      failed && button("Try again", () => actions.again(pending)),
      failed && button("Discard", () => actions.discard(pending)),
    ),
  );
  item.dataset["client"] = pending.clientMessageId;
  return item;
}

function names(...all: (string | false)[]): string {
  return all.filter(Boolean).join(" ");
}

function quote(parent: string, text: string, actions: Actions): HTMLElement {
  return button(text, () => actions.jump(parent), {
    className: "quote",
    "aria-label": `In reply to: ${text}`,
  });
}

function attachment(it: Message["attachments"][number], actions: Actions): HTMLElement {
  const name = it.name ?? "File";
  const isThere = it.state === "ready" || it.state === null;
  const size = it.size === null ? "" : bytes(it.size);
  return make(
    "button",
    {
      type: "button",
      className: "attachment",
      disabled: !isThere,
      onclick: () => actions.download(it.id, name),
      "aria-label": isThere ? `Download ${name}, ${size}` : `${name}: not available`,
    },
    make("span", { "aria-hidden": "true", textContent: "↓" }),
    make("span", { className: "filename", textContent: name }),
    make("span", { className: "soft", textContent: isThere ? size : "not available" }),
  );
}

function reactions(message: Message, actions: Actions): HTMLElement | null {
  if (message.reactions.length === 0) return null;
  const all = message.reactions.map(({ emoji, count, mine }) =>
    button(`${emoji} ${count}`, () => actions.react(message, emoji, !mine), {
      "aria-pressed": String(mine),
      "aria-label": `${emoji}, ${count}${mine ? ", yours among them" : ""}`,
    }),
  );
  return make("div", { className: "reactions", role: "group", "aria-label": "Reactions" }, ...all);
}

function tools(message: Message, seen: Seen, actions: Actions): HTMLElement {
  return make(
    "div",
    { className: "tools", role: "group", "aria-label": "What to do with this message" },
    button("React", () => actions.pick(message)),
    button("Reply", () => actions.reply(message)),
    seen.own && button("Edit", () => actions.edit(message)),
    seen.mayRemove && button("Delete", () => actions.remove(message), { className: "danger" }),
  );
}
