// Messages on their way: in the order in which they were written, and each once, however
// often it has to be sent.
import { Backoff, Refused } from "../index.js";
import { wrong } from "./dom.js";
export class Outbox {
    api;
    sent;
    changed;
    #pending = [];
    #backoff = new Backoff({ most: 10_000 });
    #isSending = false;
    #isOver = false;
    #hurry = null;
    constructor(api, sent, changed) {
        this.api = api;
        this.sent = sent;
        this.changed = changed;
    }
    of(channel) {
        return this.#pending.filter((it) => it.channelId === channel);
    }
    add(pending) {
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
    again(pending) {
        pending.problem = null;
        this.changed(pending.channelId);
        void this.#send();
    }
    discard(pending) {
        const place = this.#pending.indexOf(pending);
        if (place >= 0)
            this.#pending.splice(place, 1);
        this.changed(pending.channelId);
    }
    /** It has arrived: the answer says so, or the event did before. */
    arrived(message) {
        const found = this.#pending.find((it) => it.clientMessageId === message.clientMessageId);
        if (found && found.channelId === message.channelId)
            this.discard(found);
    }
    /** Tries now what it would try later. */
    wake() {
        this.#hurry?.();
    }
    end() {
        this.#isOver = true;
        this.wake();
    }
    async #send() {
        if (this.#isSending)
            return;
        this.#isSending = true;
        try {
            for (;;) {
                const next = this.#pending.find((it) => it.problem === null);
                if (!next || this.#isOver)
                    return;
                try {
                    const { data } = await this.api.call("POST", "/channels/{id}/messages", {
                        path: { id: next.channelId },
                        body: bodyOf(next),
                    });
                    this.#backoff.reset();
                    this.arrived(data);
                    this.sent(data);
                }
                catch (cause) {
                    if (cause instanceof Refused && !cause.passes) {
                        next.problem = wrong(cause);
                        this.changed(next.channelId);
                    }
                    else {
                        const least = cause instanceof Refused ? (cause.retryAfter ?? 0) : 0;
                        await this.#pause(this.#backoff.next(least));
                    }
                }
            }
        }
        finally {
            this.#isSending = false;
        }
    }
    #pause(millis) {
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
function bodyOf(pending) {
    return {
        body: pending.body,
        clientMessageId: pending.clientMessageId,
        ...(pending.parentMessageId !== null && { parentMessageId: pending.parentMessageId }),
        ...(pending.files.length > 0 && { attachmentIds: pending.files.map((it) => it.id) }),
    };
}
