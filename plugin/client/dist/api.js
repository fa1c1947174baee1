// The API: each method and path with what it takes and gives, as the OpenAPI document has it.
import { Unreachable, refusal } from "./errors.js";
const PATIENCE = 30_000;
export class Api {
    base;
    #options;
    constructor(options) {
        this.base = new URL(options.base);
        this.#options = options;
    }
    /** The address of a path of the service. */
    url(path) {
        return new URL(path.replace(/^\//, ""), this.base);
    }
    /**
     * Calls an operation.
     *
     * @throws Refused when the service says no.
     * @throws Unreachable when nobody answers.
     */
    async call(method, path, sent = {}) {
        const url = this.url(filled(path, (sent.path ?? {})));
        for (const [name, value] of Object.entries((sent.query ?? {}))) {
            if (value !== undefined)
                url.searchParams.set(name, String(value));
        }
        const headers = { accept: "application/json", ...sent.headers };
        const request = { method, headers };
        if (sent.body !== undefined) {
            headers["content-type"] = "application/json";
            request.body = JSON.stringify(sent.body);
        }
        const given = sent.signal ? [sent.signal] : [];
        const late = AbortSignal.timeout(this.#options.patience ?? PATIENCE);
        request.signal = AbortSignal.any([late, ...given]);
        const answer = await this.fetch(url, request);
        const data = (await read(answer));
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
    async fetch(url, request) {
        let answer = await this.#send(url, request, await this.token(false));
        if (answer.status === 401) {
            const token = await this.token(true);
            if (token !== null) {
                await answer.body?.cancel();
                answer = await this.#send(url, request, token);
            }
        }
        if (!answer.ok)
            throw await refusal(answer);
        return answer;
    }
    /** The token, or null when there is none. */
    async token(renew) {
        return this.#options.token(renew);
    }
    async #send(url, request, token) {
        const headers = new Headers(request.headers);
        if (token !== null)
            headers.set("authorization", `Bearer ${token}`);
        const send = this.#options.fetch ?? fetch;
        try {
            return await send(url, {
                ...request,
                headers,
                cache: "no-store",
                credentials: "omit",
                redirect: "error",
            });
        }
        catch (cause) {
            throw unreachable(cause, request.signal ?? null);
        }
    }
}
function unreachable(cause, signal) {
    const reason = signal?.reason;
    const isLate = reason instanceof DOMException && reason.name === "TimeoutError";
    if (signal?.aborted && !isLate)
        return cause;
    const text = isLate ? "The service has not answered in time." : "The service can't be reached.";
    return new Unreachable(text, { cause });
}
async function read(answer) {
    let text;
    try {
        text = await answer.text();
    }
    catch (cause) {
        throw new Unreachable("The answer broke off.", { cause });
    }
    if (text === "")
        return undefined;
    try {
        return JSON.parse(text);
    }
    catch (cause) {
        throw new Unreachable("The answer is not the service's.", { cause });
    }
}
/** A path with its names replaced. */
function filled(path, names) {
    return path.replace(/\{(\w+)\}/g, (_, name) => {
        const value = names[name];
        if (value === undefined)
            throw new TypeError(`${path} needs ${name}`);
        return encodeURIComponent(String(value));
    });
}
