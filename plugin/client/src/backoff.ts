// How long to wait before the next try.

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
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #tries = 0;

  constructor({ first = 500, most = 30_000, random = Math.random }: BackoffOptions = {}) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
  }

  /** The next wait; not below what the service asks for. */
  next(least = 0): number {
    const whole = Math.min(this.#most, this.#first * 2 ** Math.min(this.#tries, 16));
    this.#tries++;
    return Math.round(least + whole * (0.5 + this.#random() / 2));
  }

  /** It went well. */
  reset(): void {
    this.#tries = 0;
  }
}
