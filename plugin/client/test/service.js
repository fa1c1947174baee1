// A server that says what a test wants it to, in the form in which the gateway does: what it
// would take a real one long to say, or a broken one.

import { once } from "node:events";
import { createServer } from "node:http";

/** Answers with what `answers` has for the path; an answer is a function of both ends. */
export async function serve(t, answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://x");
    let body = "";
    for await (const piece of request) body += piece;
    asked.push({ method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body });
    const answer = answers[`${request.method} ${url.pathname}`];
    if (answer) await answer(response, asked.at(-1));
    else json(response, 404, { error: { statusCode: 404, message: "no such route" } });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${server.address().port}/`, asked };
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export function refuse(response, status, headers = {}) {
  json(response, status, { error: { statusCode: status, message: `no: ${status}`, code: "NO" } }, headers);
}

/** Begins a stream; what is written to it are whole events. */
export function stream(response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("retry: 10\n\n");
  const tell = (kind, data, cursor) => {
    const id = cursor ? `id: ${cursor}\n` : "";
    response.write(`${id}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  return {
    ready: (cursor) => tell("sync.ready", { type: "sync.ready", cursor }, cursor),
    reset: (reason, cursor) => tell("sync.reset", { type: "sync.reset", reason, cursor }, cursor),
    event: (n, kind = "note") =>
      tell(kind, { id: `3-${n}`, cursor: `v1.e.${n}`, topic: "t", type: kind, at: "2026-01-01T00:00:00Z", data: { n } }, `v1.e.${n}`),
    signal: (kind) => tell(kind, { topic: "t", type: kind, at: "2026-01-01T00:00:00Z", data: {} }),
    beat: (cursor) => response.write(`id: ${cursor}\n\n`),
    close: (code, cursor) => {
      tell("close", { type: "close", code, reason: "x", cursor }, cursor);
      response.end();
    },
    cut: () => response.destroy(),
  };
}
