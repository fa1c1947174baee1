// What a client knows: the state of `GET /sync`, and what the events have made of it.
import {} from "./events.js";
const NOTHING = { channel: null, message: null, entry: false, history: false };
/** The most unread messages that are counted. */
const MOST = 999;
export class State {
    userId = "";
    channels = new Map();
    blocked = new Set();
    open = new Map();
    #reading = new Set();
    /** Up to which number the unread messages of a channel are counted already. */
    counted = new Map();
    /** Reads everything anew, and gives the cursor that the events go on from. */
    async sync(api, signal) {
        const channels = [];
        let first = null;
        let next = null;
        do {
            const page = await api.call("GET", "/sync", {
                query: next === null ? {} : { cursor: next },
                ...(signal && { signal }),
            });
            first ??= page.data;
            channels.push(...page.data.channels);
            next = page.next;
        } while (next !== null);
        this.userId = first.userId;
        this.channels.clear();
        for (const channel of channels)
            this.channels.set(channel.id, channel);
        this.blocked.clear();
        for (const user of first.blocked)
            this.blocked.add(user);
        this.open.clear();
        this.counted.clear();
        return first.cursor;
    }
    /** The channels, those with the newest message first. */
    sorted() {
        const by = (a, b) => b.activeOn.localeCompare(a.activeOn) || a.id.localeCompare(b.id);
        return [...this.channels.values()].sort(by);
    }
    /** Follows the messages and members of a channel from now on. */
    follow(channel) {
        const known = this.open.get(channel);
        if (known)
            return known;
        const open = { messages: new Map(), members: new Map() };
        this.open.set(channel, open);
        return open;
    }
    /**
     * Reads something and takes it. What the events say meanwhile may be newer than what was
     * read, so that they are applied once more behind it: they say what is, not what to add.
     */
    async read(read, take) {
        const meanwhile = [];
        this.#reading.add(meanwhile);
        try {
            const value = await read();
            take(value);
            this.#reading.delete(meanwhile);
            for (const event of meanwhile)
                this.apply(event);
            return value;
        }
        finally {
            this.#reading.delete(meanwhile);
        }
    }
    /** Takes messages of channels that are followed. */
    learn(messages) {
        for (const message of messages) {
            this.open.get(message.channelId)?.messages.set(message.id, message);
        }
    }
    /** Takes an event. */
    apply(event) {
        for (const events of this.#reading)
            events.push(event);
        const handler = Object.hasOwn(HANDLERS, event.type) ? HANDLERS[event.type] : undefined;
        const change = handler?.(this, event.data) ?? NOTHING;
        const omitted = event.data?.omitted;
        if (omitted === undefined || change.channel === null)
            return change;
        return { ...change, entry: true, history: true };
    }
    /** Whether somebody else has written it, and the caller has not read it. */
    isUnread(message) {
        const read = this.channels.get(message.channelId)?.membership?.readSeq ?? 0;
        return message.createdBy !== this.userId && (message.seq ?? 0) > read;
    }
    message(channel, id) {
        return this.open.get(channel)?.messages.get(id);
    }
}
const of = (channel, message = null) => ({
    ...NOTHING,
    channel,
    message,
});
const HANDLERS = {
    "channel.joined": (state, entry) => {
        state.channels.set(entry.id, entry);
        // What one hears alone and what the channel hears are two streams: its first messages may
        // have come before it.
        return { ...of(entry.id), entry: true };
    },
    "channel.left": (state, { channelId }) => {
        state.channels.delete(channelId);
        state.counted.delete(channelId);
        state.open.delete(channelId);
        return of(channelId);
    },
    "channel.updated": (state, channel) => {
        const known = state.channels.get(channel.id);
        if (!known)
            return NOTHING;
        // What it is for the caller is told apart.
        const { membership: _, omitted: __, ...told } = channel;
        Object.assign(known, told);
        return of(channel.id);
    },
    "member.joined": member,
    "member.updated": member,
    "receipt.updated": member,
    "member.left": (state, { channelId, userId }) => {
        state.open.get(channelId)?.members.delete(userId);
        return of(channelId);
    },
    "message.created": created,
    "message.updated": (state, told) => {
        const { omitted: _, ...now } = told;
        const known = state.message(told.channelId, told.id);
        if (known)
            Object.assign(known, now);
        const last = state.channels.get(told.channelId)?.lastMessage;
        if (last?.id === told.id) {
            for (const name of Object.keys(last)) {
                if (name in now)
                    Object.assign(last, { [name]: now[name] });
            }
        }
        return of(told.channelId, told.id);
    },
    "message.deleted": gone,
    "message.hidden": gone,
    "message.shown": (_, { channelId }) => ({ ...of(channelId), entry: true, history: true }),
    "messages.changed": (_, { channelId }) => ({ ...of(channelId), entry: true, history: true }),
    "thread.updated": (state, { channelId, messageId, replyCount, lastReplyOn }) => assign(state, channelId, messageId, { replyCount, lastReplyOn }),
    "reaction.added": (state, told) => reacted(state, told, true),
    "reaction.removed": (state, told) => reacted(state, told, false),
    "pin.added": (state, { channelId, messageId, pinnedBy, pinnedOn }) => assign(state, channelId, messageId, { pinnedBy, pinnedOn }),
    "pin.removed": (state, { channelId, messageId, pinnedBy, pinnedOn }) => assign(state, channelId, messageId, { pinnedBy, pinnedOn }),
    "recipient.created": favored,
    "recipient.updated": favored,
    "recipient.deleted": (state, told) => favored(state, { ...told, isFavorite: false }),
    "read.updated": (state, { channelId, readSeq, deliveredSeq, unread, hasMoreUnread, lastSeq }) => {
        const entry = state.channels.get(channelId);
        if (!entry)
            return NOTHING;
        if (entry.membership)
            Object.assign(entry.membership, { readSeq, deliveredSeq });
        Object.assign(entry, { unread, hasMoreUnread });
        state.counted.set(channelId, lastSeq);
        return of(channelId);
    },
    "membership.updated": (state, { channelId, membership }) => {
        const entry = state.channels.get(channelId);
        if (entry)
            entry.membership = membership;
        return of(channelId);
    },
    "block.added": (state, { userId }) => {
        state.blocked.add(userId);
        return NOTHING;
    },
    "block.removed": (state, { userId }) => {
        state.blocked.delete(userId);
        return NOTHING;
    },
};
function member(state, told) {
    const own = state.channels.get(told.channelId)?.membership;
    if (told.userId === state.userId && own)
        own.role = told.role;
    state.open.get(told.channelId)?.members.set(told.userId, told);
    return of(told.channelId);
}
function created(state, message) {
    const entry = state.channels.get(message.channelId);
    // Whoever sees it as a recipient alone has no such channel.
    if (!entry)
        return NOTHING;
    const seq = message.seq ?? 0;
    // What is not behind the last number was counted with the entry.
    if (seq > entry.lastSeq) {
        entry.lastSeq = seq;
        entry.activeOn = message.createdOn;
        entry.lastMessage = message;
        if (state.isUnread(message) && seq > (state.counted.get(entry.id) ?? 0)) {
            entry.hasMoreUnread ||= entry.unread >= MOST;
            entry.unread = Math.min(MOST, entry.unread + 1);
        }
    }
    state.learn([message]);
    return of(message.channelId, message.id);
}
function gone(state, { channelId, id }) {
    state.open.get(channelId)?.messages.delete(id);
    // The one before it, and how many there are left, is to be read.
    return { ...of(channelId, id), entry: true };
}
function assign(state, channel, id, told) {
    const message = state.message(channel, id);
    if (message)
        Object.assign(message, told);
    return of(channel, id);
}
function reacted(state, told, isAdded) {
    const { channelId, messageId, emoji, userId, count } = told;
    const message = state.message(channelId, messageId);
    if (message) {
        const old = message.reactions.find((it) => it.emoji === emoji);
        const mine = userId === state.userId ? isAdded : (old?.mine ?? false);
        const others = message.reactions.filter((it) => it.emoji !== emoji);
        const now = count > 0 ? [{ emoji, count, mine }] : [];
        message.reactions = [...others, ...now].sort((a, b) => (a.emoji < b.emoji ? -1 : 1));
    }
    return of(channelId, messageId);
}
function favored(state, told) {
    if (told.recipientId !== state.userId)
        return NOTHING;
    return assign(state, told.channelId, told.messageId, { isFavorite: told.isFavorite });
}
