import assert from "node:assert/strict";
import test from "node:test";

import { Api, Refused, Unreachable } from "../dist/index.js";
import { json, refuse, serve } from "./service.js";

test("paths, queries, bodies and cursors", async (t) => {
  const { base, asked } = await serve(t, {
    "GET /channels/a%2Fb/members": (response) => json(response, 200, [], { "x-next-cursor": "c" }),
    "PUT /channels/x/read": (response) => json(response, 200, { unread: 0 }),
    "DELETE /messages/m": (response) => response.writeHead(204).end(),
  });
  const api = new Api({ base, token: () => "secret" });
  const query = { limit: 2, cursor: undefined };
  const list = await api.call("GET", "/channels/{id}/members", { path: { id: "a/b" }, query });
  assert.deepEqual([list.data, list.next], [[], "c"]);
  const read = await api.call("PUT", "/channels/{id}/read", { path: { id: "x" }, body: { seq: 3 } });
  assert.deepEqual([read.data, read.next], [{ unread: 0 }, null]);
  const gone = await api.call("DELETE", "/messages/{id}", { path: { id: "m" } });
  assert.deepEqual([gone.status, gone.data], [204, undefined]);
  assert.equal(asked[0].query.toString(), "limit=2");
  assert.equal(asked[1].body, '{"seq":3}');
  assert.ok(asked.every((it) => it.headers.authorization === "Bearer secret"));
});

test("a service below a path is asked there", async (t) => {
  const { base, asked } = await serve(t, { "GET /chat/sync": (response) => json(response, 200, {}) });
  await new Api({ base: `${base}chat/`, token: () => "t" }).call("GET", "/sync");
  assert.equal(asked[0].path, "/chat/sync");
});

test("a token that is not taken is renewed once", async (t) => {
  const { base, asked } = await serve(t, {
    "GET /sync": (response, { headers }) =>
      headers.authorization === "Bearer new" ? json(response, 200, { userId: "a" }) : refuse(response, 401),
  });
  let token = "old";
  const renewing = new Api({
    base,
    token: (renew) => {
      if (renew) token = "new";
      return token;
    },
  });
  assert.equal((await renewing.call("GET", "/sync")).data.userId, "a");
  assert.equal(asked.length, 2);
  const none = new Api({ base, token: (renew) => (renew ? null : "old") });
  await assert.rejects(none.call("GET", "/sync"), { name: "Refused", status: 401 });
  assert.equal(asked.length, 3);
  const stubborn = new Api({ base, token: () => "old" });
  await assert.rejects(stubborn.call("GET", "/sync"), { name: "Refused", status: 401 });
  assert.equal(asked.length, 5);
});

test("a no has its reason", async (t) => {
  const { base } = await serve(t, {
    "GET /sync": (response) => refuse(response, 429, { "retry-after": "7" }),
    "GET /blocks": (response) => response.writeHead(502).end("<h1>Bad gateway</h1>"),
  });
  const api = new Api({ base, token: () => "t" });
  const slow = await api.call("GET", "/sync").catch((it) => it);
  assert.ok(slow instanceof Refused && slow.passes);
  assert.deepEqual([slow.status, slow.code, slow.retryAfter, slow.message], [429, "NO", 7000, "no: 429"]);
  const proxy = await api.call("GET", "/blocks").catch((it) => it);
  assert.deepEqual([proxy.status, proxy.message], [502, "The service answered 502."]);
});

test("nobody there, too late, and given up are three things", async (t) => {
  const { base, asked } = await serve(t, { "GET /sync": () => {} });
  const away = new Api({ base: "http://127.0.0.1:1/", token: () => "t" });
  await assert.rejects(away.call("GET", "/sync"), Unreachable);
  const late = new Api({ base, token: () => "t", patience: 50 });
  await assert.rejects(late.call("GET", "/sync"), { name: "Unreachable", message: /in time/ });
  const given = new Api({ base, token: () => "t" });
  const enough = new AbortController();
  setTimeout(() => enough.abort(new Error("enough")), 50);
  await assert.rejects(given.call("GET", "/sync", { signal: AbortSignal.abort(new Error("enough")) }), /enough/);
  await assert.rejects(given.call("GET", "/sync", { signal: enough.signal }), /enough/);
  assert.equal(asked.length, 2, "what is given up before it begins is not asked");
});
