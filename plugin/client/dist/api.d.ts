import type { components, paths } from "./openapi.js";
/** What the service's document calls its schemas. */
export type Schemas = components["schemas"];
export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Operation<V extends Verb, P extends keyof paths> = Lowercase<V> extends keyof paths[P] ? NonNullable<paths[P][Lowercase<V>]> : never;
/** The paths that take a method. */
export type Route<V extends Verb> = {
    [P in keyof paths]: [Operation<V, P>] extends [never] ? never : P;
}[keyof paths];
type Part<O, K extends string> = O extends {
    parameters: infer All;
} ? K extends keyof All ? NonNullable<All[K]> : never : never;
type Body<O> = O extends {
    requestBody?: infer B;
} ? NonNullable<B> extends {
    content: {
        "application/json": infer T;
    };
} ? T : never : never;
type Content<R> = R extends {
    content: {
        "application/json": infer T;
    };
} ? T : undefined;
type Good<O> = O extends {
    responses: infer All;
} ? {
    [S in keyof All & (200 | 201 | 202 | 204)]: Content<All[S]>;
}[keyof All & (200 | 201 | 202 | 204)] : never;
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
export declare class Api {
    #private;
    readonly base: URL;
    constructor(options: ApiOptions);
    /** The address of a path of the service. */
    url(path: string): URL;
    /**
     * Calls an operation.
     *
     * @throws Refused when the service says no.
     * @throws Unreachable when nobody answers.
     */
    call<V extends Verb, P extends Route<V> & string>(method: V, path: P, sent?: Sent<Operation<V, P>>): Promise<Answer<Good<Operation<V, P>>>>;
    /**
     * Sends a request with the token, with a new one after a 401; the answer is a good one.
     *
     * @throws As {@link call} does.
     */
    fetch(url: URL, request: RequestInit): Promise<Response>;
    /** The token, or null when there is none. */
    token(renew: boolean): Promise<string | null>;
}
export {};
