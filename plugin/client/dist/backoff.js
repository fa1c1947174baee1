// How long to wait before the next try.
/**
 * Waits that double, each with a random part of at least half: clients that lost the same
 * gateway do not come back all at once.
 */
export class Backoff {
    #first;
    #most;
    #random;
    #tries = 0;
    constructor({ first = 500, most = 30_000, random = Math.random } = {}) {
        this.#first = first;
        this.#most = most;
        this.#random = random;
    }
    /** The next wait; not below what the service asks for. */
    next(least = 0) {
        const whole = Math.min(this.#most, this.#first * 2 ** Math.min(this.#tries, 16));
        this.#tries++;
        return Math.round(least + whole * (0.5 + this.#random() / 2));
    }
    /** It went well. */
    reset() {
        this.#tries = 0;
    }
}
