// What happens, live: in order, each event once, and without a gap, for as long as it runs.

import type { Api } from "./api.js";
import { Backoff, type BackoffOptions } from "./backoff.js";
import { Refused } from "./errors.js";
import { type LiveEvent, frame, isEvent } from "./events.js";
import { Close, type Ear, type End, LOST, type Link, type Mouth, socket, stream } from "./link.js";
import { Recent } from "./recent.js";

/**
 * - `connecting`: for the first time, or again;
 * - `live`: everything that was missed has come, and what happens comes at once;
 * - `waiting`: it could not connect, and tries again at `until`;
 * - `stopped`: by `stop()`, or for good: `why` says so.
 */
export type Status =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; until: number; cause: unknown }
  | { state: "stopped"; why: "asked" | "token" | "revoked" | "refused" };

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

export class Live {
  readonly #options: LiveOptions;
  readonly #backoff: Backoff;
  readonly #seen = new Recent();
  readonly #mouth: Mouth = { say: null };
  readonly #link: Link;
  #cursor: string | null;
  #running: AbortController | null = null;
  #hurry: (() => void) | null = null;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#cursor = options.cursor ?? null;
    this.#link =
      options.transport === "socket"
        ? socket(this.#mouth, options.WebSocket)
        : stream(options.silence);
  }

  /** Where it is: the cursor of the last event that was taken. */
  get cursor(): string | null {
    return this.#cursor;
  }

  start(): void {
    if (this.#running) return;
    this.#running = new AbortController();
    void this.#run(this.#running.signal);
  }

  /** Ends it. It can be started again, and goes on where it was. */
  stop(): void {
    this.#running?.abort();
    if (this.#running) this.#end("asked");
  }

  /** Tries now what it would try later: the network is back, or somebody looks. */
  wake(): void {
    this.#hurry?.();
  }

  /** Says something on the WebSocket; false when there is none open now. */
  say(words: { op: string } & Record<string, unknown>): boolean {
    this.#mouth.say?.(JSON.stringify(words));
    return this.#mouth.say !== null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#tell({ state: "connecting" });
      let pause = 0;
      try {
        if (this.#cursor === null) {
          this.#seen.clear();
          this.#cursor = await this.#options.sync(signal);
        }
        const end = await this.#connect(signal);
        if (signal.aborted) return;
        const wait = await this.#ended(end, signal);
        if (wait === null) return;
        pause = wait;
      } catch (cause) {
        if (signal.aborted) return;
        const final = cause instanceof Refused && !cause.passes && cause.status < 500;
        if (final && cause.status === 401) return this.#end("token");
        if (final) return this.#end("refused");
        pause = this.#backoff.next(cause instanceof Refused ? (cause.retryAfter ?? 0) : 0);
        this.#tell({ state: "waiting", until: Date.now() + pause, cause });
      }
      if (pause > 0) await this.#sleep(pause, signal);
    }
  }

  /** What the end of a connection means: how long to wait, or null when it is over. */
  async #ended(end: End & { pause: number }, signal: AbortSignal): Promise<number | null> {
    this.#cursor = this.#cursor === null ? null : (end.cursor ?? this.#cursor);
    switch (end.code) {
      case Close.Expired:
        if ((await this.#options.api.token(true)) !== null) return 0;
        if (!signal.aborted) this.#end("token");
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

  async #connect(signal: AbortSignal): Promise<End & { pause: number }> {
    // Ends this connection alone, when the place is lost.
    const lost = new AbortController();
    let pause = 0;
    const ear: Ear = {
      opened: () => {},
      passed: (cursor) => {
        if (this.#cursor !== null) this.#cursor = cursor;
      },
      paused: (millis) => {
        pause = Math.min(millis, 10_000);
      },
      told: (text) => {
        if (lost.signal.aborted) return;
        if (!this.#take(text)) lost.abort();
      },
    };
    try {
      const both = AbortSignal.any([signal, lost.signal]);
      const end = await this.#link(this.#options.api, this.#cursor, ear, both);
      return { ...end, pause: end.code === Close.Restart ? pause : 0 };
    } catch (cause) {
      if (signal.aborted || !lost.signal.aborted) throw cause;
      return { ...LOST, pause: 0 };
    }
  }

  /** Takes a frame; false when the state is to be read again. */
  #take(text: string): boolean {
    const value = frame(text);
    if (value === null) return true;
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
    const event = value as unknown as LiveEvent;
    try {
      if (event.id === undefined || this.#seen.add(event.id)) this.#options.event(event);
    } catch (cause) {
      // What it was about is not known to be right any more.
      console.error(cause);
      this.#cursor = null;
      return false;
    }
    this.#cursor = cursor ?? this.#cursor;
    return true;
  }

  #end(why: "asked" | "token" | "revoked" | "refused"): void {
    this.#running = null;
    this.#tell({ state: "stopped", why });
  }

  #tell(status: Status): void {
    this.#options.status?.(status);
  }

  #sleep(millis: number, signal: AbortSignal): Promise<void> {
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
