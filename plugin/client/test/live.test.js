import assert from "node:assert/strict";
import test from "node:test";

import { Api, Live } from "../dist/index.js";
import { refuse, serve, stream } from "./service.js";

/** Runs a live connection against what `script` says to each try, one after the other. */
async function run(t, script, options = {}) {
  const tries = [];
  const { base } = await serve(t, {
    "GET /events": (response, asked) => {
      tries.push(asked);
      const step = script[tries.length - 1] ?? script.at(-1);
      return step(response, asked);
    },
  });
  const heard = [];
  const seen = { events: [], states: [], syncs: 0, renewed: 0, tries };
  let ended;
  seen.end = new Promise((resolve) => {
    ended = resolve;
  });
  const api = new Api({
    base,
    token: (renew) => {
      if (renew) seen.renewed++;
      return renew && options.noToken ? null : `token-${seen.renewed}`;
    },
  });
  const live = new Live({
    api,
    backoff: { first: 2, most: 4 },
    sync: async () => {
      seen.syncs++;
      return `v1.sync.${seen.syncs}`;
    },
    event: (event) => {
      heard.push(event);
      seen.events.push(event.id ?? event.type);
      options.event?.(event, seen);
      if (event.type === "over") live.stop();
    },
    status: (status) => {
      seen.states.push(status.state);
      if (status.state === "stopped") ended(status.why);
    },
    ...options.live,
  });
  live.start();
  t.after(() => live.stop());
  seen.live = live;
  return seen;
}

/** The last try: says that it is over. */
const over = (response) => stream(response).signal("over");

test("it begins with the state, and goes on behind what it has", async (t) => {
  const seen = await run(t, [
    (response) => {
      const it = stream(response);
      it.ready("v1.sync.1");
      it.event(1);
      it.event(2);
      it.beat("v1.e.7");
      setTimeout(it.cut, 20);
    },
    (response) => {
      const it = stream(response);
      // At least once: the client sees it once.
      it.event(2);
      it.event(3);
      it.ready("v1.e.9");
      it.close(1012, "v1.e.10");
    },
    (response) => {
      const it = stream(response);
      it.event(11);
      it.signal("typing");
      setTimeout(it.cut, 20);
    },
    over,
  ]);
  assert.equal(await seen.end, "asked");
  assert.deepEqual(seen.events, ["3-1", "3-2", "3-3", "3-11", "typing", "over"]);
  assert.deepEqual(seen.tries.map((it) => it.query.get("cursor")), ["v1.sync.1", "v1.e.7", "v1.e.10", "v1.e.11"]);
  assert.equal(seen.syncs, 1);
  assert.ok(seen.tries.every((it) => it.headers.authorization === "Bearer token-0"));
  assert.ok(seen.tries.every((it) => [...it.query.keys()].join() === "cursor"));
});

test("a place that is lost is found again by the state alone", async (t) => {
  const seen = await run(t, [
    (response) => {
      const it = stream(response);
      it.reset("expired", "v1.e.100");
      it.event(101);
    },
    over,
  ], { live: { cursor: "v1.kept" } });
  await seen.end;
  assert.deepEqual(seen.events, ["over"], "nothing before the state is right");
  assert.deepEqual(seen.tries.map((it) => it.query.get("cursor")), ["v1.kept", "v1.sync.1"]);
});

test("a handler that fails has the state read again", async (t) => {
  t.mock.method(console, "error", () => {});
  const seen = await run(t, [
    (response) => {
      const it = stream(response);
      it.event(1);
      it.event(2);
    },
    over,
  ], {
    event: (event) => {
      if (event.id === "3-1") throw new Error("broken");
    },
  });
  await seen.end;
  assert.equal(seen.syncs, 2);
  assert.deepEqual(seen.events, ["3-1", "over"]);
});

test("an expired token is renewed at once", async (t) => {
  const seen = await run(t, [(response) => stream(response).close(4401, "v1.e.5"), over]);
  assert.equal(await seen.end, "asked");
  assert.equal(seen.renewed, 1);
  assert.equal(seen.tries[1].headers.authorization, "Bearer token-1");
  assert.equal(seen.tries[1].query.get("cursor"), "v1.e.5");
  assert.ok(!seen.states.includes("waiting"), `${seen.states}`);
});

test("what can't be mended ends it", async (t) => {
  const expired = await run(t, [(response) => stream(response).close(4401, "v1.e.5")], { noToken: true });
  assert.equal(await expired.end, "token");
  const revoked = await run(t, [(response) => stream(response).close(4403, "v1.e.5")]);
  assert.equal(await revoked.end, "revoked");
  const unknown = await run(t, [(response) => refuse(response, 401)]);
  assert.equal(await unknown.end, "token");
  assert.equal(unknown.tries.length, 2);
  const forbidden = await run(t, [(response) => refuse(response, 403)]);
  assert.equal(await forbidden.end, "refused");
  assert.equal(forbidden.tries.length, 1);
});

test("what passes is tried again", async (t) => {
  const seen = await run(t, [
    (response) => refuse(response, 503),
    (response) => refuse(response, 429),
    (response) => refuse(response, 500),
    (response) => response.destroy(),
    over,
  ]);
  assert.equal(await seen.end, "asked");
  assert.equal(seen.states.filter((it) => it === "waiting").length, 4);
});

test("a stream that has fallen silent is given up", async (t) => {
  const seen = await run(t, [(response) => void stream(response).ready("v1.e.1"), over], { live: { silence: 50 } });
  assert.equal(await seen.end, "asked");
  assert.equal(seen.tries.length, 2);
});

test("a wait ends early when it is asked to", async (t) => {
  const seen = await run(t, [
    (response) => refuse(response, 503, { "retry-after": "600" }),
    over,
  ], {
    live: {
      status: (status) => {
        if (status.state === "waiting") setTimeout(() => seen.live.wake());
        if (status.state === "stopped") stopped();
      },
    },
  });
  let stopped;
  await new Promise((resolve) => {
    stopped = resolve;
  });
  assert.equal(seen.tries.length, 2);
});
