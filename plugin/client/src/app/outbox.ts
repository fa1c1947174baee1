// Messages on their way: in the order in which they were written, and each once, however
// often it has to be sent.

import { type Api, Backoff, type Message, Refused, type Schemas } from "../index.js";
import { wrong } from "./dom.js";

export interface Pending {
  clientMessageId: string;
  channelId: string;
  body: string;
  parentMessageId: string | null;
  files: { id: string; name: string; size: number }[];
  createdOn: string;
  /** Why it was refused; null while it is on its way. */
  problem: string | null;
}

export class Outbox {
  readonly #pending: Pending[] = [];
  readonly #backoff = new Backoff({ most: 10_000 });
  #isSending = false;
  #isOver = false;
  #hurry: (() => void) | null = null;

  constructor(
    readonly api: Api,
    readonly sent: (message: Message) => void,
    readonly changed: (channel: string) => void,
  ) {}

  of(channel: string): Pending[] {
    return this.#pending.filter((it) => it.channelId === channel);
  }

  add(pending: Omit<Pending, "clientMessageId" | "createdOn" | "problem">): void {
    this.#pending.push({
      ...pending,
      // Not `randomUUID`, which pages have that came encrypted, or from this machine, alone.
      clientMessageId: [...crypto.getRandomValues(new Uint8Array(16))]
        .map((byte) => byte.toString(16).padStart(2, "0"))
        .join(""),
      createdOn: new Date().toISOString(),
      problem: null,
    });
    this.changed(pending.channelId);
    void this.#send();
  }

  /** Sends what was refused once more. */
  again(pending: Pending): void {
    pending.problem = null;
    this.changed(pending.channelId);
    void this.#send();
  }

  discard(pending: Pending): void {
    const place = this.#pending.indexOf(pending);
    if (place >= 0) this.#pending.splice(place, 1);
    this.changed(pending.channelId);
  }

  /** It has arrived: the answer says so, or the event did before. */
  arrived(message: Message): void {
    const found = this.#pending.find((it) => it.clientMessageId === message.clientMessageId);
    if (found && found.channelId === message.channelId) this.discard(found);
  }

  /** Tries now what it would try later. */
  wake(): void {
    this.#hurry?.();
  }

  end(): void {
    this.#isOver = true;
    this.wake();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (;;) {
        const next = this.#pending.find((it) => it.problem === null);
        if (!next || this.#isOver) return;
        try {
          const { data } = await this.api.call("POST", "/channels/{id}/messages", {
            path: { id: next.channelId },
            body: bodyOf(next),
          });
          this.#backoff.reset();
          this.arrived(data);
          this.sent(data);
        } catch (cause) {
          if (cause instanceof Refused && !cause.passes) {
            next.problem = wrong(cause);
            this.changed(next.channelId);
          } else {
            const least = cause instanceof Refused ? (cause.retryAfter ?? 0) : 0;
            await this.#pause(this.#backoff.next(least));
          }
        }
      }
    } finally {
      this.#isSending = false;
    }
  }

  #pause(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#hurry = null;
        resolve();
      };
      const timer = setTimeout(done, millis);
      this.#hurry = done;
    });
  }
}

function bodyOf(pending: Pending): Schemas["ChannelMessage"] {
  return {
    body: pending.body,
    clientMessageId: pending.clientMessageId,
    ...(pending.parentMessageId !== null && { parentMessageId: pending.parentMessageId }),
    ...(pending.files.length > 0 && { attachmentIds: pending.files.map((it) => it.id) }),
  };
}
