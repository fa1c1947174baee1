import assert from "node:assert/strict";
import test from "node:test";

import { Backoff } from "../dist/index.js";

test("waits double up to the longest, and differ by chance", () => {
  const waits = (random) => {
    const backoff = new Backoff({ first: 100, most: 1000, random: () => random });
    return [1, 2, 3, 4, 5, 6].map(() => backoff.next());
  };
  assert.deepEqual(waits(0), [50, 100, 200, 400, 500, 500]);
  assert.deepEqual(waits(1), [100, 200, 400, 800, 1000, 1000]);
});

test("what the service asks for is waited for in any case", () => {
  const backoff = new Backoff({ first: 100, random: () => 0 });
  assert.equal(backoff.next(5000), 5050);
  backoff.reset();
  assert.equal(backoff.next(), 50);
});
