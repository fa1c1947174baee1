// One connection to `/events`: by Server-Sent Events or by a WebSocket.

import type { Api } from "./api.js";
import { Unreachable } from "./errors.js";
import { Parser } from "./sse.js";

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
export type Link = (
  api: Api,
  cursor: string | null,
  ear: Ear,
  signal: AbortSignal,
) => Promise<End>;

/** Ended without a word. */
export const LOST: End = { code: 1006, cursor: null };

/** The codes that the service closes with. */
export const Close = {
  Restart: 1012,
  Full: 1013,
  Expired: 4401,
  Revoked: 4403,
  Slow: 4408,
} as const;

function address(api: Api, query: Record<string, string | null>): URL {
  const url = api.url("/events");
  for (const [name, value] of Object.entries(query)) {
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
}

/** How long a stream may be silent: more than two heartbeats, in milliseconds. */
const SILENCE = 60_000;

/** Server-Sent Events with the token in a header. */
export function stream(silence = SILENCE): Link {
  return async (api, cursor, ear, signal) => {
    const silent = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silence);
    };
    const parser = new Parser();
    let end = LOST;
    heard();
    try {
      const answer = await api.fetch(address(api, { cursor }), {
        headers: { accept: "text/event-stream" },
        signal: AbortSignal.any([signal, silent.signal]),
      });
      ear.opened();
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return end;
        heard();
        for (const block of parser.feed(decoder.decode(value, { stream: true }))) {
          if (block.retry !== null) ear.paused(block.retry);
          if (block.kind === "close") end = farewell(block.data);
          else if (block.data !== null) ear.told(block.data);
          else if (block.id) ear.passed(block.id);
        }
      }
    } catch (cause) {
      if (signal.aborted) throw cause;
      if (silent.signal.aborted || cause instanceof TypeError) return end;
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  };
}

function farewell(data: string | null): End {
  try {
    const { code, cursor } = JSON.parse(data ?? "") as Record<string, unknown>;
    return {
      code: typeof code === "number" ? code : LOST.code,
      cursor: typeof cursor === "string" ? cursor : null,
    };
  } catch {
    return LOST;
  }
}

/** What a client can say on a WebSocket. */
export interface Mouth {
  say: ((text: string) => void) | null;
}

/** How long a WebSocket may take to open, in milliseconds. */
const PATIENCE = 30_000;

/** A WebSocket, which is opened with a ticket: it can't send the token in a header. */
export function socket(mouth: Mouth, Socket: typeof WebSocket = WebSocket): Link {
  return async (api, cursor, ear, signal) => {
    const { data } = await api.call("POST", "/events/tickets", { signal });
    const url = address(api, { ticket: data.ticket, cursor });
    url.protocol = url.protocol.replace("http", "ws");
    return new Promise((resolve, reject) => {
      let isOpen = false;
      const it = new Socket(url);
      const say = (text: string) => it.send(text);
      const late = setTimeout(() => it.close(), PATIENCE);
      const stop = () => it.close(1000);
      signal.addEventListener("abort", stop, { once: true });
      it.onopen = () => {
        isOpen = true;
        clearTimeout(late);
        mouth.say = say;
        ear.opened();
      };
      it.onmessage = (message: MessageEvent) => {
        if (!signal.aborted) ear.told(String(message.data));
      };
      it.onclose = ({ code, reason }: CloseEvent) => {
        clearTimeout(late);
        signal.removeEventListener("abort", stop);
        if (mouth.say === say) mouth.say = null;
        if (signal.aborted) reject(signal.reason as Error);
        else if (!isOpen) reject(new Unreachable("The WebSocket was not opened."));
        else resolve({ code, cursor: reason.startsWith("v1.") ? reason : null });
      };
    });
  };
}
