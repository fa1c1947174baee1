import assert from "node:assert/strict";
import test from "node:test";

import { State } from "../dist/index.js";

const AT = "2026-01-01T00:00:00.000Z";

function message(seq, more = {}) {
  return {
    id: `m${seq}`, channelId: "c", channelType: "group", seq, body: `text ${seq}`, subject: null, status: 0,
    toUserId: null, parentMessageId: null, createdBy: "bob", createdOn: AT, modifiedOn: AT, editedOn: null,
    version: 1, clientMessageId: null, mentions: [], forwardedFrom: null, attachments: [], replyCount: 0,
    lastReplyOn: null, reactions: [], pinnedBy: null, pinnedOn: null, isFavorite: false, ...more,
  };
}

function entry(more = {}) {
  return {
    id: "c", kind: "group", channelType: "group", name: "Tea", topic: null, createdBy: "bob", createdOn: AT,
    activeOn: AT, archivedOn: null, lastSeq: 1, slowSeconds: 0, retentionSeconds: null,
    membership: { role: "member", joinedOn: AT, readSeq: 0, deliveredSeq: 0, mutedUntil: null },
    lastMessage: message(1), unread: 1, hasMoreUnread: false, ...more,
  };
}

async function state(...channels) {
  const made = new State();
  const pages = [...channels, entry()].map((it) => [it]);
  const call = async () => ({
    data: { cursor: `v1.${pages.length}`, userId: "ann", blocked: ["eve"], channels: pages.shift() },
    next: pages.length > 0 ? "more" : null,
  });
  const cursor = await made.sync({ call });
  assert.equal(cursor, `v1.${channels.length + 1}`, "the first page's counts");
  made.follow("c");
  return made;
}

const told = (type, data) => ({ topic: "t", type, at: AT, data });

test("a state of several pages is one", async () => {
  const it = await state(entry({ id: "a" }), entry({ id: "b" }));
  assert.deepEqual([...it.channels.keys()], ["a", "b", "c"]);
  assert.deepEqual([it.userId, [...it.blocked]], ["ann", ["eve"]]);
});

test("messages are counted once, and one's own are not", async () => {
  const it = await state();
  const { unread, lastSeq } = it.channels.get("c");
  it.apply(told("message.created", message(1)));
  assert.deepEqual([it.channels.get("c").unread, it.channels.get("c").lastSeq], [unread, lastSeq]);
  it.apply(told("message.created", message(2)));
  it.apply(told("message.created", message(2)));
  it.apply(told("message.created", message(3, { createdBy: "ann" })));
  const { unread: now, lastMessage } = it.channels.get("c");
  assert.deepEqual([now, lastMessage.id], [2, "m3"]);
  assert.deepEqual([...it.open.get("c").messages.keys()], ["m1", "m2", "m3"]);
});

test("counting ends at 999", async () => {
  const it = await state();
  Object.assign(it.channels.get("c"), { unread: 999 });
  it.apply(told("message.created", message(2)));
  assert.deepEqual([it.channels.get("c").unread, it.channels.get("c").hasMoreUnread], [999, true]);
});

test("edits, reactions, pins and replies change what is there", async () => {
  const it = await state();
  it.learn([message(1)]);
  it.apply(told("message.updated", { id: "m1", channelId: "c", body: "new", version: 2, editedOn: AT }));
  const where = { channelId: "c", messageId: "m1" };
  it.apply(told("reaction.added", { ...where, emoji: "b", userId: "bob", count: 1 }));
  it.apply(told("reaction.added", { ...where, emoji: "a", userId: "ann", count: 2 }));
  it.apply(told("reaction.added", { ...where, emoji: "a", userId: "eve", count: 3 }));
  it.apply(told("reaction.removed", { ...where, emoji: "b", userId: "bob", count: 0 }));
  it.apply(told("pin.added", { ...where, pinnedBy: "bob", pinnedOn: AT }));
  it.apply(told("thread.updated", { ...where, replyCount: 2, lastReplyOn: AT }));
  it.apply(told("recipient.updated", { ...where, recipientId: "bob", isFavorite: true }));
  const now = it.message("c", "m1");
  assert.deepEqual(now.reactions, [{ emoji: "a", count: 3, mine: true }]);
  assert.deepEqual([now.body, now.pinnedBy, now.replyCount, now.isFavorite], ["new", "bob", 2, false]);
  assert.equal(it.channels.get("c").lastMessage.body, "new");
});

test("what is deleted is gone, and the entry is to be read", async () => {
  const it = await state();
  it.learn([message(1)]);
  const change = it.apply(told("message.deleted", { id: "m1", channelId: "c", seq: 1 }));
  assert.deepEqual([change.entry, it.message("c", "m1")], [true, undefined]);
});

test("channels come, change and go", async () => {
  const it = await state();
  it.apply(told("channel.joined", entry({ id: "d", activeOn: "2026-01-02T00:00:00.000Z" })));
  assert.deepEqual(it.sorted().map((one) => one.id), ["d", "c"]);
  const { membership: _, unread: __, lastMessage: ___, hasMoreUnread: ____, ...channel } = entry({ name: "Coffee" });
  it.apply(told("channel.updated", { ...channel, membership: null }));
  assert.equal(it.channels.get("c").name, "Coffee");
  assert.equal(it.channels.get("c").membership.role, "member", "what one is oneself is told apart");
  it.apply(told("channel.left", { channelId: "c", reason: "removed" }));
  assert.deepEqual([it.channels.has("c"), it.open.has("c")], [false, false]);
});

test("read cursors and members", async () => {
  const it = await state();
  it.apply(told("read.updated", { channelId: "c", readSeq: 1, deliveredSeq: 1, unread: 0, hasMoreUnread: false, lastSeq: 1 }));
  assert.deepEqual([it.channels.get("c").unread, it.channels.get("c").membership.readSeq], [0, 1]);
  it.apply(told("member.updated", { channelId: "c", userId: "ann", role: "owner", joinedOn: AT, readSeq: 1, deliveredSeq: 1 }));
  assert.equal(it.channels.get("c").membership.role, "owner");
  it.apply(told("member.left", { channelId: "c", userId: "ann", reason: "left", by: "ann" }));
  assert.equal(it.open.get("c").members.size, 0);
});

test("a count that is ahead of the messages is not counted again", async () => {
  const it = await state();
  it.apply(told("read.updated", { channelId: "c", readSeq: 1, deliveredSeq: 1, unread: 1, hasMoreUnread: false, lastSeq: 2 }));
  it.apply(told("message.created", message(2)));
  assert.equal(it.channels.get("c").unread, 1);
  it.apply(told("message.created", message(3)));
  assert.equal(it.channels.get("c").unread, 2);
});

test("what was left out has to be read", async () => {
  const it = await state();
  const change = it.apply(told("message.created", { ...message(2), omitted: ["body"] }));
  assert.ok(change.entry && change.history);
});

test("events that come while something is read are newer than that", async () => {
  const it = await state();
  const page = [message(1), message(2)];
  await it.read(
    async () => {
      it.apply(told("message.deleted", { id: "m1", channelId: "c", seq: 1 }));
      it.apply(told("message.updated", { id: "m2", channelId: "c", body: "edited", version: 2 }));
      return page;
    },
    (read) => it.learn(read),
  );
  assert.equal(it.message("c", "m1"), undefined);
  assert.equal(it.message("c", "m2").body, "edited");
});

test("what a newer service says is passed over", async () => {
  const it = await state();
  assert.equal(it.apply(told("channel.exploded", { channelId: "c" })).channel, null);
  assert.equal(it.apply(told("toString", { channelId: "c" })).channel, null);
});
