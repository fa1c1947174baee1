/** The service said no, and why. */
export declare class Refused extends Error {
    readonly name = "Refused";
    /** The HTTP status. */
    readonly status: number;
    /** The service's word for it, such as `SLOW_MODE`, where it has one. */
    readonly code: string | null;
    /** What exactly, such as the members of a body that are wrong. */
    readonly details: unknown;
    /** Milliseconds after which it may be tried again, where the service says so. */
    readonly retryAfter: number | null;
    constructor(status: number, message: string, more?: {
        code?: string | null;
        details?: unknown;
        retryAfter?: number | null;
    });
    /** Whether the same request can be answered otherwise a little later. */
    get passes(): boolean;
}
/** Nobody answered, or not in time. Whether the request was carried out is not known. */
export declare class Unreachable extends Error {
    readonly name = "Unreachable";
}
/** Reads the service's no off an answer. */
export declare function refusal(answer: Response): Promise<Refused>;
export declare function isObject(value: unknown): value is Record<string, unknown>;
