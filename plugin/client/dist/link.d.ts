import type { Api } from "./api.js";
/** Why a connection has ended. */
export interface End {
    /** The close code of a WebSocket, which Server-Sent Events tell as well. */
    code: number;
    /** Where to go on, where that was told. */
    cursor: string | null;
}
/** What is heard on a connection. */
export interface Ear {
    /** It is open. */
    opened(): void;
    /** A frame: a JSON text. */
    told(text: string): void;
    /** A place in the log without an event. */
    passed(cursor: string): void;
    /** How long the host would like to be left alone after this connection. */
    paused(millis: number): void;
}
/** Opens a connection, and resolves when it has ended. */
export type Link = (api: Api, cursor: string | null, ear: Ear, signal: AbortSignal) => Promise<End>;
/** Ended without a word. */
export declare const LOST: End;
/** The codes that the service closes with. */
export declare const Close: {
    readonly Restart: 1012;
    readonly Full: 1013;
    readonly Expired: 4401;
    readonly Revoked: 4403;
    readonly Slow: 4408;
};
/** Server-Sent Events with the token in a header. */
export declare function stream(silence?: number): Link;
/** What a client can say on a WebSocket. */
export interface Mouth {
    say: ((text: string) => void) | null;
}
/** A WebSocket, which is opened with a ticket: it can't send the token in a header. */
export declare function socket(mouth: Mouth, Socket?: typeof WebSocket): Link;
