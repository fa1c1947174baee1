import assert from "node:assert/strict";
import test from "node:test";

import { Parser } from "../dist/sse.js";

const TEXT =
  "retry: 3000\n\nid: v1.a\nevent: message.created\ndata: {\"n\":1}\n\n" +
  ": a comment\r\n\r\nid: v1.b\r\n\r\nevent: typing\r\ndata: 1\r\ndata: 2\r\n\r\nevent: x\rdata: 3\r\r";

const BLOCKS = [
  { id: null, kind: "message", data: null, retry: 3000 },
  { id: "v1.a", kind: "message.created", data: '{"n":1}', retry: null },
  { id: "v1.b", kind: "message", data: null, retry: null },
  { id: "v1.b", kind: "typing", data: "1\n2", retry: null },
  { id: "v1.b", kind: "x", data: "3", retry: null },
];

test("blocks are the same however the text is cut", () => {
  for (let size = 1; size <= TEXT.length; size++) {
    const parser = new Parser();
    const blocks = [];
    for (let at = 0; at < TEXT.length; at += size) blocks.push(...parser.feed(TEXT.slice(at, at + size)));
    // The last CR may be the first half of a line's end.
    blocks.push(...parser.feed("\n"));
    assert.deepEqual(blocks, BLOCKS, `in pieces of ${size}`);
  }
});

test("what is not complete is not told", () => {
  assert.deepEqual(new Parser().feed("data: 1\n"), []);
});
