// The API: each method and path with what it takes and gives, as the OpenAPI document has it.

import { Unreachable, refusal } from "./errors.js";
import type { components, paths } from "./openapi.js";

/** What the service's document calls its schemas. */
export type Schemas = components["schemas"];

export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

type Operation<V extends Verb, P extends keyof paths> =
  Lowercase<V> extends keyof paths[P] ? NonNullable<paths[P][Lowercase<V>]> : never;

/** The paths that take a method. */
export type Route<V extends Verb> = {
  [P in keyof paths]: [Operation<V, P>] extends [never] ? never : P;
}[keyof paths];

type Part<O, K extends string> = O extends { parameters: infer All }
  ? K extends keyof All ? NonNullable<All[K]> : never
  : never;

type Body<O> = O extends { requestBody?: infer B }
  ? NonNullable<B> extends { content: { "application/json": infer T } } ? T : never
  : never;

type Content<R> = R extends { content: { "application/json": infer T } } ? T : undefined;

type Good<O> = O extends { responses: infer All }
  ? { [S in keyof All & (200 | 201 | 202 | 204)]: Content<All[S]> }[keyof All & (200 | 201 | 202 | 204)]
  : never;

/** What goes along with a request. */
export interface Sent<O> {
  /** What stands in the path, by its name there. */
  path?: Part<O, "path">;
  query?: Part<O, "query">;
  body?: Body<O>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A good answer. */
export interface Answer<T> {
  status: number;
  data: T;
  /** Where a list goes on, to be handed back as `cursor`; null at its end. */
  next: string | null;
  headers: Headers;
}

export interface ApiOptions {
  /** Where the service is mounted, with a slash at the end. */
  base: string | URL;
  /**
   * The token. Asked for with each request, and once more with `renew` when the service
   * takes the one that it gave no longer; null when there is none any more.
   */
  token: (renew: boolean) => string | null | Promise<string | null>;
  /** How long an answer may take, in milliseconds; 30 seconds when nothing is said. */
  patience?: number;
  fetch?: typeof fetch;
}

const PATIENCE = 30_000;

export class Api {
  readonly base: URL;
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.base = new URL(options.base);
    this.#options = options;
  }

  /** The address of a path of the service. */
  url(path: string): URL {
    return new URL(path.replace(/^\//, ""), this.base);
  }

  /**
   * Calls an operation.
   *
   * @throws Refused when the service says no.
   * @throws Unreachable when nobody answers.
   */
  async call<V extends Verb, P extends Route<V> & string>(
    method: V,
    path: P,
    sent: Sent<Operation<V, P>> = {},
  ): Promise<Answer<Good<Operation<V, P>>>> {
    const url = this.url(filled(path, (sent.path ?? {}) as Record<string, unknown>));
    for (const [name, value] of Object.entries((sent.query ?? {}) as Record<string, unknown>)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { accept: "application/json", ...sent.headers };
    const request: RequestInit = { method, headers };
    if (sent.body !== undefined) {
      headers["content-type"] = "application/json";
      request.body = JSON.stringify(sent.body);
    }
    const given = sent.signal ? [sent.signal] : [];
    const late = AbortSignal.timeout(this.#options.patience ?? PATIENCE);
    request.signal = AbortSignal.any([late, ...given]);
    const answer = await this.fetch(url, request);
    const data = (await read(answer)) as Good<Operation<V, P>>;
    return {
      status: answer.status,
      data,
      next: answer.headers.get("x-next-cursor"),
      headers: answer.headers,
    };
  }

  /**
   * Sends a request with the token, with a new one after a 401; the answer is a good one.
   *
   * @throws As {@link call} does.
   */
  async fetch(url: URL, request: RequestInit): Promise<Response> {
    let answer = await this.#send(url, request, await this.token(false));
    if (answer.status === 401) {
      const token = await this.token(true);
      if (token !== null) {
        await answer.body?.cancel();
        answer = await this.#send(url, request, token);
      }
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  /** The token, or null when there is none. */
  async token(renew: boolean): Promise<string | null> {
    return this.#options.token(renew);
  }

  async #send(url: URL, request: RequestInit, token: string | null): Promise<Response> {
    const headers = new Headers(request.headers);
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    const send = this.#options.fetch ?? fetch;
    try {
      return await send(url, {
        ...request,
        headers,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (cause) {
      throw unreachable(cause, request.signal ?? null);
    }
  }
}

function unreachable(cause: unknown, signal: AbortSignal | null): unknown {
  const reason: unknown = signal?.reason;
  const isLate = reason instanceof DOMException && reason.name === "TimeoutError";
  if (signal?.aborted && !isLate) return cause;
  const text = isLate ? "The service has not answered in time." : "The service can't be reached.";
  return new Unreachable(text, { cause });
}

async function read(answer: Response): Promise<unknown> {
  let text;
  try {
    text = await answer.text();
  } catch (cause) {
    throw new Unreachable("The answer broke off.", { cause });
  }
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Unreachable("The answer is not the service's.", { cause });
  }
}

/** A path with its names replaced. */
function filled(path: string, names: Record<string, unknown>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = names[name];
    if (value === undefined) throw new TypeError(`${path} needs ${name}`);
    return encodeURIComponent(String(value));
  });
}
