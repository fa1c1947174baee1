// What is told live.

import type { Schemas } from "./api.js";
import { isObject } from "./errors.js";

type Entry = Schemas["ChannelEntry"];
type Channel = Schemas["Channel"];
type Member = Schemas["ChannelMember"];
type Message = Schemas["ChatMessage"];
type Membership = NonNullable<Entry["membership"]>;
type Of = { channelId: string };
type About = Of & { messageId: string };

/** Members that made the data too long; they are to be read. */
export type Short<T> = T & { omitted?: string[] };

/** The data of each type. Types that a newer service has are not in it. */
export interface Told {
  "channel.joined": Short<Entry>;
  "channel.left": Of & { reason: string };
  "channel.created": Short<Channel>;
  "channel.updated": Short<Channel>;
  "member.joined": Member;
  "member.updated": Member;
  "receipt.updated": Member;
  "member.left": Of & { userId: string; reason: string; by: string };
  "message.created": Short<Message>;
  "message.updated": Short<Partial<Message>> & { id: string; channelId: string };
  "message.deleted": Of & {
    id: string;
    seq: number | null;
    createdBy: string;
    parentMessageId: string | null;
    deletedBy: string;
  };
  "message.hidden": Of & { id: string; seq: number | null };
  "message.shown": Of & { id: string; seq: number | null };
  "messages.changed": Of;
  "thread.updated": About & { replyCount: number; lastReplyOn: string | null };
  "reaction.added": About & { emoji: string; userId: string; count: number };
  "reaction.removed": About & { emoji: string; userId: string; count: number };
  "pin.added": About & { pinnedBy: string | null; pinnedOn: string | null };
  "pin.removed": About & { pinnedBy: string | null; pinnedOn: string | null };
  "recipient.created": About & { recipientId: string; isFavorite: boolean };
  "recipient.updated": About & { recipientId: string; isFavorite: boolean };
  "recipient.deleted": About & { recipientId: string };
  "read.updated": Schemas["ReadState"];
  "membership.updated": Of & { membership: Membership };
  "block.added": { userId: string };
  "block.removed": { userId: string };
  typing: Of & { userId: string; typing: boolean; expiresIn: number };
  presence: Schemas["Presence"] & { expiresIn: number };
}

export type Kind = keyof Told;

/** An event, or a signal: that one has no id and no cursor, and isn't told again. */
export interface LiveEvent<T = unknown> {
  id?: string;
  cursor?: string;
  topic: string;
  type: string;
  at: string;
  data: T;
}

/** Whether an event is of that type; its data are what {@link Told} says then. */
export function is<K extends Kind>(event: LiveEvent, kind: K): event is LiveEvent<Told[K]> {
  return event.type === kind;
}

/** What a frame says; null where it is none of ours. */
export function frame(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && typeof value["type"] === "string" ? value : null;
  } catch {
    return null;
  }
}

/** Whether a frame is an event of a topic, and not a word of the host's own. */
export function isEvent(value: Record<string, unknown>): boolean {
  return typeof value["topic"] === "string" && "data" in value;
}
