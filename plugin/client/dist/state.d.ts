import type { Api, Schemas } from "./api.js";
import { type LiveEvent } from "./events.js";
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
export declare class State {
    #private;
    userId: string;
    readonly channels: Map<string, {
        activeOn: string;
        archivedOn: string | null;
        channelType: string;
        createdBy: string;
        createdOn: string;
        hasMoreUnread: boolean;
        id: string;
        kind: "direct" | "group" | "public";
        lastMessage: {
            body: string;
            channelId: string;
            channelType: string;
            clientMessageId: string | null;
            createdBy: string;
            createdOn: string;
            editedOn: string | null;
            forwardedFrom: string | null;
            id: string;
            mentions: string[];
            modifiedOn: string;
            parentMessageId: string | null;
            seq: number | null;
            status: number;
            subject: string | null;
            toUserId: string | null;
            version: number;
        } | null;
        lastSeq: number;
        membership: {
            deliveredSeq: number;
            joinedOn: string;
            mutedUntil: string | null;
            readSeq: number;
            role: "owner" | "moderator" | "member";
        } | null;
        name: string | null;
        retentionSeconds: number | null;
        slowSeconds: number;
        topic: string | null;
        unread: number;
    }>;
    readonly blocked: Set<string>;
    readonly open: Map<string, Open>;
    /** Up to which number the unread messages of a channel are counted already. */
    readonly counted: Map<string, number>;
    /** Reads everything anew, and gives the cursor that the events go on from. */
    sync(api: Api, signal?: AbortSignal): Promise<string>;
    /** The channels, those with the newest message first. */
    sorted(): Channel[];
    /** Follows the messages and members of a channel from now on. */
    follow(channel: string): Open;
    /**
     * Reads something and takes it. What the events say meanwhile may be newer than what was
     * read, so that they are applied once more behind it: they say what is, not what to add.
     */
    read<T>(read: () => Promise<T>, take: (read: T) => void): Promise<T>;
    /** Takes messages of channels that are followed. */
    learn(messages: Message[]): void;
    /** Takes an event. */
    apply(event: LiveEvent): Change;
    /** Whether somebody else has written it, and the caller has not read it. */
    isUnread(message: Message): boolean;
    message(channel: string, id: string): Message | undefined;
}
