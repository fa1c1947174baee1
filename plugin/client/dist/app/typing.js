// Who is typing, on both sides.
import {} from "../index.js";
/** How often others are told, in milliseconds: what they were told ends after six seconds. */
const EACH = 3_000;
export class Typing {
    api;
    changed;
    #timers = new Map();
    #told = { channel: "", at: 0 };
    constructor(api, changed) {
        this.api = api;
        this.changed = changed;
    }
    /** Tells the others; in vain where that fails. */
    tell(channel, typing) {
        const now = Date.now();
        const isTold = this.#told.channel === channel && now - this.#told.at < EACH;
        if (typing ? isTold : !isTold)
            return;
        this.#told = { channel, at: typing ? now : 0 };
        this.api.call("POST", "/channels/{id}/typing", { path: { id: channel }, body: { typing } }).catch(() => { });
    }
    /** Takes what others tell. */
    heard({ channelId, userId, typing, expiresIn }) {
        const users = this.#timers.get(channelId) ?? new Map();
        this.#timers.set(channelId, users);
        clearTimeout(users.get(userId));
        if (typing)
            users.set(userId, setTimeout(() => this.over(channelId, userId), expiresIn * 1000));
        else
            users.delete(userId);
        this.changed(channelId);
    }
    /** Somebody types no longer: the message is there. */
    over(channel, user) {
        const users = this.#timers.get(channel);
        clearTimeout(users?.get(user));
        if (users?.delete(user))
            this.changed(channel);
    }
    words(channel) {
        const users = [...(this.#timers.get(channel)?.keys() ?? [])];
        if (users.length === 0)
            return "";
        if (users.length > 3)
            return "Several people are typing …";
        const names = users.length > 1 ? `${users.slice(0, -1).join(", ")} and ${users.at(-1)}` : users[0];
        return `${names} ${users.length === 1 ? "is" : "are"} typing …`;
    }
}
