/** The ids that were seen last: events come at least once. */
export class Recent {
  readonly #ids = new Set<string>();
  readonly #most: number;

  constructor(most = 4096) {
    this.#most = most;
  }

  /** Takes an id; false when it was there. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#most) {
      // A set gives its members in the order in which they came.
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }

  clear(): void {
    this.#ids.clear();
  }
}
