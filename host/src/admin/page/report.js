// A check's report, for people.

import { duration, list, make, table } from "./dom.js";

export function report(found) {
  const accepted = found.refused.length === 0;
  return make("section", { className: "report", "aria-label": "The check's report" },
    accepted
      ? make("p", { className: "good", textContent: "Nothing speaks against it." })
      : [make("p", { className: "bad", textContent: "Refused:" }), list(found.refused)],
    facts([
      ["Version", found.version],
      ["Serves now", found.running ?? "nothing"],
      ["Component", make("code", { textContent: `sha256:${found.digest}` })],
      ["Checked in", duration(found.millis)],
      found.warm ? ["Instances made", String(found.warm)] : null,
    ]),
    left(found.left_behind ?? []),
    migrations(found.migrations),
    routes(found.routes),
    smoke(found.smoke),
    imports(found.imports),
    found.skipped.length ? [heading("Not looked at"), list(found.skipped)] : null);
}

/** What a version that does not serve has added to the database. */
function left(behind) {
  if (!behind.length) return null;
  return [heading("Stays in the database"),
    list(behind.map((one) => `${one.whole ? "" : "a part of "}migration ${one.version} (${one.name})`))];
}

function facts(pairs) {
  return make("dl", { className: "facts" }, pairs.filter(Boolean).map(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", {}, value)]));
}

function heading(text) {
  return make("h3", { textContent: text });
}

function quiet(text) {
  return make("p", { className: "soft", textContent: text });
}

function migrations(pending) {
  if (!pending.length) return [heading("Migrations"), quiet("None is pending.")];
  const phases = {
    expand: "only adds: applied before it serves",
    contract: "takes away: waits until no other version serves",
  };
  return [heading("Migrations"), pending.map((one) => make("details", { open: pending.length < 3 },
    make("summary", {}, `${one.version} ${one.name} `,
      make("span", {
        className: `badge ${one.phase === "expand" ? "" : "warn"}`, textContent: phases[one.phase] ?? one.phase,
      })),
    make("pre", { tabIndex: 0, textContent: one.statements })))];
}

function routes(differing) {
  if (!differing) return null;
  const { added, removed } = differing;
  if (!added.length && !removed.length) return [heading("Routes"), quiet("The same as before.")];
  return [heading("Routes"),
    removed.length ? [make("p", { className: "bad", textContent: "Removed:" }), list(removed)] : null,
    added.length ? [make("p", { className: "good", textContent: "Added:" }), list(added)] : null];
}

function smoke(requests) {
  if (!requests.length) return null;
  const rows = requests.map((one) => [
    make("code", { textContent: one.request }), String(one.expected), one.got, duration(one.millis),
    make("span", { className: one.right ? "good" : "bad", textContent: one.right ? "right" : "wrong" }),
  ]);
  return [heading("Smoke requests"),
    table("Smoke requests", ["Request", "Expected", "Got", "Took", "Outcome"], rows)];
}

function imports({ all, new: asked }) {
  if (!all.length) return null;
  return [heading("Imports"),
    asked.length
      ? [make("p", { className: "warn", textContent: "What the version that serves does not ask for:" }), list(asked)]
      : quiet("Nothing that the version that serves does not ask for."),
    make("details", {}, make("summary", { textContent: `All ${all.length}` }), list(all))];
}
