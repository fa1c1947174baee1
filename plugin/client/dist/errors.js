// What can go wrong, as far as a program has to tell it apart.
/** The service said no, and why. */
export class Refused extends Error {
    name = "Refused";
    /** The HTTP status. */
    status;
    /** The service's word for it, such as `SLOW_MODE`, where it has one. */
    code;
    /** What exactly, such as the members of a body that are wrong. */
    details;
    /** Milliseconds after which it may be tried again, where the service says so. */
    retryAfter;
    constructor(status, message, more = {}) {
        super(message);
        this.status = status;
        this.code = more.code ?? null;
        this.details = more.details ?? null;
        this.retryAfter = more.retryAfter ?? null;
    }
    /** Whether the same request can be answered otherwise a little later. */
    get passes() {
        return this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
    }
}
/** Nobody answered, or not in time. Whether the request was carried out is not known. */
export class Unreachable extends Error {
    name = "Unreachable";
}
/** Reads the service's no off an answer. */
export async function refusal(answer) {
    let error = {};
    try {
        const body = await answer.json();
        if (isObject(body) && isObject(body["error"]))
            error = body["error"];
    }
    catch {
        // Somebody between here and the service has answered in words of its own.
    }
    const { message, code, details } = error;
    return new Refused(answer.status, typeof message === "string" ? message : `The service answered ${answer.status}.`, {
        code: typeof code === "string" ? code : null,
        details,
        retryAfter: seconds(answer.headers.get("retry-after")),
    });
}
/** `Retry-After` in milliseconds: the service gives seconds, never a date. */
function seconds(text) {
    return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}
export function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
