import type { Api } from "./api.js";
import { type BackoffOptions } from "./backoff.js";
import { type LiveEvent } from "./events.js";
/**
 * - `connecting`: for the first time, or again;
 * - `live`: everything that was missed has come, and what happens comes at once;
 * - `waiting`: it could not connect, and tries again at `until`;
 * - `stopped`: by `stop()`, or for good: `why` says so.
 */
export type Status = {
    state: "connecting";
} | {
    state: "live";
} | {
    state: "waiting";
    until: number;
    cause: unknown;
} | {
    state: "stopped";
    why: "asked" | "token" | "revoked" | "refused";
};
export interface LiveOptions {
    api: Api;
    /**
     * Reads the state (`GET /sync`) and gives its cursor. Called at the start when there is no
     * `cursor`, and whenever the place was lost: what was shown before counts no longer then.
     */
    sync: (signal: AbortSignal) => Promise<string>;
    /**
     * Takes an event, or a signal (without an id). What is behind it comes after it has
     * returned; when it throws, the state is read again.
     */
    event: (event: LiveEvent) => void;
    /** Is told how it stands. */
    status?: (status: Status) => void;
    /** Takes what the service answers to `say`, such as `{"type":"error",…}`. */
    answer?: (answer: Record<string, unknown>) => void;
    /** The cursor of the last event that the client has, when it kept one. */
    cursor?: string | null;
    /** Server-Sent Events, or a WebSocket, on which `say` works. */
    transport?: "stream" | "socket";
    backoff?: BackoffOptions;
    /** How long a stream may be silent before it is taken for lost, in milliseconds. */
    silence?: number;
    /** Where there is none by that name. */
    WebSocket?: typeof WebSocket;
}
export declare class Live {
    #private;
    constructor(options: LiveOptions);
    /** Where it is: the cursor of the last event that was taken. */
    get cursor(): string | null;
    start(): void;
    /** Ends it. It can be started again, and goes on where it was. */
    stop(): void;
    /** Tries now what it would try later: the network is back, or somebody looks. */
    wake(): void;
    /** Says something on the WebSocket; false when there is none open now. */
    say(words: {
        op: string;
    } & Record<string, unknown>): boolean;
}
