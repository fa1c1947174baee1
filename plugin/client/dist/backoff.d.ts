export interface BackoffOptions {
    /** The first wait at most, in milliseconds. */
    first?: number;
    /** Any wait at most. */
    most?: number;
    /** From 0 to 1, as `Math.random` gives it. */
    random?: () => number;
}
/**
 * Waits that double, each with a random part of at least half: clients that lost the same
 * gateway do not come back all at once.
 */
export declare class Backoff {
    #private;
    constructor({ first, most, random }?: BackoffOptions);
    /** The next wait; not below what the service asks for. */
    next(least?: number): number;
    /** It went well. */
    reset(): void;
}
