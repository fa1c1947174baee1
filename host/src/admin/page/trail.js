// Who did what to the plugins and the gateway, the newest first.

import { call } from "./api.js";
import { make, table, time } from "./dom.js";

const PAGE = 20;

export class Trail {
  #body = make("div", { "aria-live": "off" });
  #newer = make("button", { type: "button", className: "second", textContent: "Newest" });
  #older = make("button", { type: "button", className: "second", textContent: "Older" });
  #before = null;
  #next = null;
  #drawn = "";

  constructor(parent, failed) {
    this.#newer.addEventListener("click", () => this.#turn(null).catch(failed));
    this.#older.addEventListener("click", () => this.#turn(this.#next).catch(failed));
    parent.append(this.#body, make("p", { className: "buttons" }, this.#newer, this.#older));
  }

  /** Asks again for the page that is shown. */
  async reload() {
    const query = { limit: PAGE, ...(this.#before ? { before: this.#before } : {}) };
    const { entries, next } = await call("GET", "v1/audit", { query });
    this.#next = next;
    this.#newer.disabled = this.#before === null;
    this.#older.disabled = next === null;
    const said = JSON.stringify(entries);
    if (said === this.#drawn) return;
    this.#drawn = said;
    this.#body.replaceChildren(entries.length
      ? table("Audit trail", ["When", "Who", "What", "Outcome", "Plugin", "Details"], entries.map(row))
      : make("p", { className: "soft", textContent: "Nothing is recorded." }));
  }

  async #turn(before) {
    this.#before = before;
    await this.reload();
  }
}

function row(entry) {
  const look = entry.outcome === "allowed" ? "good" : "bad";
  return [
    time(entry.at), entry.actor ?? "", entry.action,
    make("span", { className: `badge ${look}`, textContent: entry.outcome }),
    entry.plugin ?? "",
    make("td", { className: "wide", textContent: words(entry.details) }),
  ];
}

/** An object's values that are there, as one line. */
function words(details) {
  if (details === null || typeof details !== "object") return details === null ? "" : String(details);
  return Object.entries(details)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name}: ${said(name, value)}`)
    .join(", ");
}

function said(name, value) {
  if (name === "sha256") return `${value}`.slice(0, 12);
  if (Array.isArray(value)) return value.join("; ");
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
}
