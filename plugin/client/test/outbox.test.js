import assert from "node:assert/strict";
import test from "node:test";

import { Outbox } from "../dist/app/outbox.js";
import { Api } from "../dist/index.js";
import { json, refuse, serve } from "./service.js";

/** An outbox that has sent all that it can, with what the service was asked. */
async function run(t, answers, texts) {
  const bodies = [];
  const { base } = await serve(t, {
    "POST /channels/c/messages": (response, { body }) => {
      const sent = JSON.parse(body);
      bodies.push(sent);
      const answer = answers[bodies.length - 1];
      if (answer) answer(response);
      else json(response, 200, { id: `m${bodies.length}`, channelId: "c", ...sent });
    },
  });
  const arrived = [];
  let outbox;
  await new Promise((resolve) => {
    const look = () => {
      outbox?.wake();
      if (arrived.length + (outbox?.of("c").filter((it) => it.problem !== null).length ?? 0) >= texts.length) resolve();
    };
    outbox = new Outbox(
      new Api({ base, token: () => "t" }),
      (message) => {
        arrived.push(message.body);
        look();
      },
      () => look(),
    );
    for (const body of texts) outbox.add({ channelId: "c", body, parentMessageId: null, files: [] });
  });
  return { outbox, bodies, arrived };
}

test("a message whose answer was lost is sent again as the same, before the next", async (t) => {
  const lost = (response) => response.destroy();
  const { bodies, arrived, outbox } = await run(t, [lost, (response) => refuse(response, 503)], ["one", "two"]);
  assert.deepEqual(bodies.map((it) => it.body), ["one", "one", "one", "two"]);
  const names = bodies.map((it) => it.clientMessageId);
  assert.deepEqual([names[0], names[0]], names.slice(1, 3));
  assert.notEqual(names[0], names[3]);
  assert.match(names[0], /^[0-9a-f]{32}$/);
  assert.deepEqual([arrived, outbox.of("c")], [["one", "two"], []]);
});

test("a message that is refused holds up no other, and can be sent once more", async (t) => {
  const { outbox, arrived } = await run(t, [(response) => refuse(response, 403)], ["no", "yes"]);
  const [refused] = outbox.of("c");
  assert.deepEqual([arrived, refused.body, refused.problem], [["yes"], "no", "no: 403"]);
  outbox.again(refused);
  while (outbox.of("c").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(arrived, ["yes", "no"]);
});
