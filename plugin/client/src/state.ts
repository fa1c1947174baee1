// What a client knows: the state of `GET /sync`, and what the events have made of it.

import type { Api, Schemas } from "./api.js";
import { type Kind, type LiveEvent, type Told } from "./events.js";

export type Channel = Schemas["ChannelEntry"];
export type Message = Schemas["ChatMessage"];
export type Member = Schemas["ChannelMember"];

/** A channel whose messages and members are read along. */
export interface Open {
  messages: Map<string, Message>;
  members: Map<string, Member>;
}

/** What an event has changed. */
export interface Change {
  /** The channel that it is about; null where it is about none. */
  channel: string | null;
  /** The message. */
  message: string | null;
  /** The entry of the channel is to be read again (`GET /channels/{id}`). */
  entry: boolean;
  /** Its messages as well. */
  history: boolean;
}

const NOTHING: Change = { channel: null, message: null, entry: false, history: false };

/** The most unread messages that are counted. */
const MOST = 999;

export class State {
  userId = "";
  readonly channels = new Map<string, Channel>();
  readonly blocked = new Set<string>();
  readonly open = new Map<string, Open>();
  readonly #reading = new Set<LiveEvent[]>();
  /** Up to which number the unread messages of a channel are counted already. */
  readonly counted = new Map<string, number>();

  /** Reads everything anew, and gives the cursor that the events go on from. */
  async sync(api: Api, signal?: AbortSignal): Promise<string> {
    const channels = [];
    let first: Schemas["State"] | null = null;
    let next: string | null = null;
    do {
      const page: { data: Schemas["State"]; next: string | null } = await api.call("GET", "/sync", {
        query: next === null ? {} : { cursor: next },
        ...(signal && { signal }),
      });
      first ??= page.data;
      channels.push(...page.data.channels);
      next = page.next;
    } while (next !== null);
    this.userId = first.userId;
    this.channels.clear();
    for (const channel of channels) this.channels.set(channel.id, channel);
    this.blocked.clear();
    for (const user of first.blocked) this.blocked.add(user);
    this.open.clear();
    this.counted.clear();
    return first.cursor;
  }

  /** The channels, those with the newest message first. */
  sorted(): Channel[] {
    const by = (a: Channel, b: Channel) =>
      b.activeOn.localeCompare(a.activeOn) || a.id.localeCompare(b.id);
    return [...this.channels.values()].sort(by);
  }

  /** Follows the messages and members of a channel from now on. */
  follow(channel: string): Open {
    const known = this.open.get(channel);
    if (known) return known;
    const open = { messages: new Map<string, Message>(), members: new Map<string, Member>() };
    this.open.set(channel, open);
    return open;
  }

  /**
   * Reads something and takes it. What the events say meanwhile may be newer than what was
   * read, so that they are applied once more behind it: they say what is, not what to add.
   */
  async read<T>(read: () => Promise<T>, take: (read: T) => void): Promise<T> {
    const meanwhile: LiveEvent[] = [];
    this.#reading.add(meanwhile);
    try {
      const value = await read();
      take(value);
      this.#reading.delete(meanwhile);
      for (const event of meanwhile) this.apply(event);
      return value;
    } finally {
      this.#reading.delete(meanwhile);
    }
  }

  /** Takes messages of channels that are followed. */
  learn(messages: Message[]): void {
    for (const message of messages) {
      this.open.get(message.channelId)?.messages.set(message.id, message);
    }
  }

  /** Takes an event. */
  apply(event: LiveEvent): Change {
    for (const events of this.#reading) events.push(event);
    const handler = Object.hasOwn(HANDLERS, event.type) ? HANDLERS[event.type as Kind] : undefined;
    const change = (handler as Handler | undefined)?.(this, event.data as never) ?? NOTHING;
    const omitted = (event.data as { omitted?: string[] } | null)?.omitted;
    if (omitted === undefined || change.channel === null) return change;
    return { ...change, entry: true, history: true };
  }

  /** Whether somebody else has written it, and the caller has not read it. */
  isUnread(message: Message): boolean {
    const read = this.channels.get(message.channelId)?.membership?.readSeq ?? 0;
    return message.createdBy !== this.userId && (message.seq ?? 0) > read;
  }

  message(channel: string, id: string): Message | undefined {
    return this.open.get(channel)?.messages.get(id);
  }
}

type Handler = (state: State, data: never) => Change;
type Handlers = { [K in Kind]?: (state: State, data: Told[K]) => Change };

const of = (channel: string, message: string | null = null): Change => ({
  ...NOTHING,
  channel,
  message,
});

const HANDLERS: Handlers = {
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
    if (!known) return NOTHING;
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
    if (known) Object.assign(known, now);
    const last = state.channels.get(told.channelId)?.lastMessage;
    if (last?.id === told.id) {
      for (const name of Object.keys(last)) {
        if (name in now) Object.assign(last, { [name]: now[name as keyof typeof now] });
      }
    }
    return of(told.channelId, told.id);
  },
  "message.deleted": gone,
  "message.hidden": gone,
  "message.shown": (_, { channelId }) => ({ ...of(channelId), entry: true, history: true }),
  "messages.changed": (_, { channelId }) => ({ ...of(channelId), entry: true, history: true }),
  "thread.updated": (state, { channelId, messageId, replyCount, lastReplyOn }) =>
    assign(state, channelId, messageId, { replyCount, lastReplyOn }),
  "reaction.added": (state, told) => reacted(state, told, true),
  "reaction.removed": (state, told) => reacted(state, told, false),
  "pin.added": (state, { channelId, messageId, pinnedBy, pinnedOn }) =>
    assign(state, channelId, messageId, { pinnedBy, pinnedOn }),
  "pin.removed": (state, { channelId, messageId, pinnedBy, pinnedOn }) =>
    assign(state, channelId, messageId, { pinnedBy, pinnedOn }),
  "recipient.created": favored,
  "recipient.updated": favored,
  "recipient.deleted": (state, told) => favored(state, { ...told, isFavorite: false }),
  "read.updated": (state, { channelId, readSeq, deliveredSeq, unread, hasMoreUnread, lastSeq }) => {
    const entry = state.channels.get(channelId);
    if (!entry) return NOTHING;
    if (entry.membership) Object.assign(entry.membership, { readSeq, deliveredSeq });
    Object.assign(entry, { unread, hasMoreUnread });
    state.counted.set(channelId, lastSeq);
    return of(channelId);
  },
  "membership.updated": (state, { channelId, membership }) => {
    const entry = state.channels.get(channelId);
    if (entry) entry.membership = membership;
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

function member(state: State, told: Member): Change {
  const own = state.channels.get(told.channelId)?.membership;
  if (told.userId === state.userId && own) own.role = told.role;
  state.open.get(told.channelId)?.members.set(told.userId, told);
  return of(told.channelId);
}

function created(state: State, message: Message): Change {
  const entry = state.channels.get(message.channelId);
  // Whoever sees it as a recipient alone has no such channel.
  if (!entry) return NOTHING;
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

function gone(state: State, { channelId, id }: { channelId: string; id: string }): Change {
  state.open.get(channelId)?.messages.delete(id);
  // The one before it, and how many there are left, is to be read.
  return { ...of(channelId, id), entry: true };
}

function assign(state: State, channel: string, id: string, told: Partial<Message>): Change {
  const message = state.message(channel, id);
  if (message) Object.assign(message, told);
  return of(channel, id);
}

function reacted(state: State, told: Told["reaction.added"], isAdded: boolean): Change {
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

function favored(
  state: State,
  told: { channelId: string; messageId: string; recipientId: string; isFavorite: boolean },
): Change {
  if (told.recipientId !== state.userId) return NOTHING;
  return assign(state, told.channelId, told.messageId, { isFavorite: told.isFavorite });
}

