// What happens, live: in order, each event once, and without a gap, for as long as it runs.
import { Backoff } from "./backoff.js";
import { Refused } from "./errors.js";
import { frame, isEvent } from "./events.js";
import { Close, LOST, socket, stream } from "./link.js";
import { Recent } from "./recent.js";
export class Live {
    #options;
    #backoff;
    #seen = new Recent();
    #mouth = { say: null };
    #link;
    #cursor;
    #running = null;
    #hurry = null;
    constructor(options) {
        this.#options = options;
        this.#backoff = new Backoff(options.backoff);
        this.#cursor = options.cursor ?? null;
        this.#link =
            options.transport === "socket"
                ? socket(this.#mouth, options.WebSocket)
                : stream(options.silence);
    }
    /** Where it is: the cursor of the last event that was taken. */
    get cursor() {
        return this.#cursor;
    }
    start() {
        if (this.#running)
            return;
        this.#running = new AbortController();
        void this.#run(this.#running.signal);
    }
    /** Ends it. It can be started again, and goes on where it was. */
    stop() {
        this.#running?.abort();
        if (this.#running)
            this.#end("asked");
    }
    /** Tries now what it would try later: the network is back, or somebody looks. */
    wake() {
        this.#hurry?.();
    }
    /** Says something on the WebSocket; false when there is none open now. */
    say(words) {
        this.#mouth.say?.(JSON.stringify(words));
        return this.#mouth.say !== null;
    }
    async #run(signal) {
        while (!signal.aborted) {
            this.#tell({ state: "connecting" });
            let pause = 0;
            try {
                if (this.#cursor === null) {
                    this.#seen.clear();
                    this.#cursor = await this.#options.sync(signal);
                }
                const end = await this.#connect(signal);
                if (signal.aborted)
                    return;
                const wait = await this.#ended(end, signal);
                if (wait === null)
                    return;
                pause = wait;
            }
            catch (cause) {
                if (signal.aborted)
                    return;
                const final = cause instanceof Refused && !cause.passes && cause.status < 500;
                if (final && cause.status === 401)
                    return this.#end("token");
                if (final)
                    return this.#end("refused");
                pause = this.#backoff.next(cause instanceof Refused ? (cause.retryAfter ?? 0) : 0);
                this.#tell({ state: "waiting", until: Date.now() + pause, cause });
            }
            if (pause > 0)
                await this.#sleep(pause, signal);
        }
    }
    /** What the end of a connection means: how long to wait, or null when it is over. */
    async #ended(end, signal) {
        this.#cursor = this.#cursor === null ? null : (end.cursor ?? this.#cursor);
        switch (end.code) {
            case Close.Expired:
                if ((await this.#options.api.token(true)) !== null)
                    return 0;
                if (!signal.aborted)
                    this.#end("token");
                return null;
            case Close.Revoked:
                this.#end("revoked");
                return null;
            default: {
                // Who comes back from a place that was lost, or has fallen behind, does so soon; a
                // connection that does not last is waited for longer each time.
                const pause = this.#backoff.next(end.pause);
                this.#tell({ state: "waiting", until: Date.now() + pause, cause: end });
                return pause;
            }
        }
    }
    async #connect(signal) {
        // Ends this connection alone, when the place is lost.
        const lost = new AbortController();
        let pause = 0;
        const ear = {
            opened: () => { },
            passed: (cursor) => {
                if (this.#cursor !== null)
                    this.#cursor = cursor;
            },
            paused: (millis) => {
                pause = Math.min(millis, 10_000);
            },
            told: (text) => {
                if (lost.signal.aborted)
                    return;
                if (!this.#take(text))
                    lost.abort();
            },
        };
        try {
            const both = AbortSignal.any([signal, lost.signal]);
            const end = await this.#link(this.#options.api, this.#cursor, ear, both);
            return { ...end, pause: end.code === Close.Restart ? pause : 0 };
        }
        catch (cause) {
            if (signal.aborted || !lost.signal.aborted)
                throw cause;
            return { ...LOST, pause: 0 };
        }
    }
    /** Takes a frame; false when the state is to be read again. */
    #take(text) {
        const value = frame(text);
        if (value === null)
            return true;
        const cursor = typeof value["cursor"] === "string" ? value["cursor"] : null;
        switch (value["type"]) {
            case "hello":
                return true;
            case "sync.ready":
                this.#cursor = cursor ?? this.#cursor;
                this.#backoff.reset();
                this.#tell({ state: "live" });
                return true;
            case "sync.reset":
                this.#cursor = null;
                return false;
        }
        if (!isEvent(value)) {
            this.#options.answer?.(value);
            return true;
        }
        const event = value;
        try {
            if (event.id === undefined || this.#seen.add(event.id))
                this.#options.event(event);
        }
        catch (cause) {
            // What it was about is not known to be right any more.
            console.error(cause);
            this.#cursor = null;
            return false;
        }
        this.#cursor = cursor ?? this.#cursor;
        return true;
    }
    #end(why) {
        this.#running = null;
        this.#tell({ state: "stopped", why });
    }
    #tell(status) {
        this.#options.status?.(status);
    }
    #sleep(millis, signal) {
        return new Promise((resolve) => {
            const done = () => {
                clearTimeout(timer);
                signal.removeEventListener("abort", done);
                this.#hurry = null;
                resolve();
            };
            const timer = setTimeout(done, millis);
            signal.addEventListener("abort", done, { once: true });
            this.#hurry = done;
        });
    }
}
