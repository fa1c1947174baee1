// One plugin: what serves, how it does, what finishes, and its versions.

import { call, plugin as at } from "./api.js";
import { Charts, History } from "./charts.js";
import { activate, deploy, remove, rollBack } from "./dialogs.js";
import { bytes, counted, duration, make, percent, table, time } from "./dom.js";

/** Drains that ended, of which the page tells. */
const ENDED = 5;

export class PluginView {
  #history = new History();
  #charts = new Charts();
  #about = make("p", { className: "soft" });
  #split = make("div", { className: "split", role: "img" });
  #legend = make("ul", { className: "legend" });
  #drains = make("div");
  #versions = make("div");
  #back;
  #plugin;
  #known = [];
  #drawn = "";

  constructor(name, changed) {
    this.changed = changed;
    this.#back = make("button", { type: "button", className: "danger", textContent: "Roll back …" });
    this.#back.addEventListener("click", () => rollBack(this.#plugin, changed));
    const add = make("button", { type: "button", textContent: "Deploy …" });
    add.addEventListener("click", () => deploy(this.#plugin, changed));
    this.element = make("section", { className: "plugin", "aria-label": `Plugin ${name}` },
      make("div", { className: "head" },
        make("h2", { textContent: name }), this.#about,
        make("p", { className: "buttons" }, add, this.#back)),
      this.#split, this.#legend, this.#charts.element, this.#drains,
      make("h3", { textContent: "Versions" }), this.#versions);
  }

  /** Takes in what the gateway says of the plugin now. */
  show(plugin, now) {
    this.#plugin = plugin;
    this.#history.add(plugin, now);
    const { pointer } = plugin;
    this.#about.replaceChildren(`on ${plugin.mount}`,
      ...(pointer ? [", changed ", time(pointer.changed_at), ` by ${pointer.changed_by}`] : []));
    this.#back.disabled = !pointer?.canary && !pointer?.previous;
    this.#showSplit(plugin);
    this.#charts.draw(this.#history, now);
    this.#drains.replaceChildren(...drains(plugin));
    this.#showVersions();
  }

  /** Asks for the versions. */
  async reload() {
    this.#known = await call("GET", at(this.#plugin.name, "versions"));
    this.#showVersions();
  }

  #showSplit({ serving, pointer }) {
    const parts = serving.map(({ version, percent: share }) => {
      const text = `${version} ${percent(share)}`;
      const part = make("span", {
        className: `${this.#history.colour(version)}${share < 8 ? " thin" : ""}`,
        textContent: share < 8 ? "" : text, title: text,
      });
      part.style.flexGrow = share;
      return part;
    });
    this.#split.replaceChildren(...parts);
    this.#split.setAttribute("aria-label", serving.length
      ? `Traffic: ${serving.map((one) => `${one.version} ${percent(one.percent)}`).join(", ")}`
      : "No version serves");
    this.#legend.replaceChildren(...serving.map(({ version, percent: share, requests, failures }) => {
      const plan = pointer?.canary?.version === version ? ` ${canaryWords(pointer.canary)}` : "";
      return make("li", {}, make("span", { className: `swatch ${this.#history.colour(version)}` }),
        `${version}: ${percent(share)}, ${counted(requests, "request", "requests")}, `
        + `${failures.toLocaleString("en")} failed.${plan}`);
    }));
  }

  /** Rows are made anew only when they say something else: a button keeps its focus. */
  #showVersions() {
    const rows = this.#known.map((version) => ({ ...version, state: state(this.#plugin, version.version) }));
    const said = JSON.stringify(rows);
    if (said === this.#drawn) return;
    this.#drawn = said;
    const focused = document.activeElement?.dataset?.does;
    this.#versions.replaceChildren(rows.length
      ? table("Versions", ["Version", "State", "Note", "Deployed", "Component", ""], rows.map((row) => this.#row(row)))
      : make("p", { className: "soft", textContent: "There is none yet." }));
    const again = [...this.#versions.querySelectorAll("button")].find((one) => one.dataset.does === focused);
    again?.focus();
  }

  #row(row) {
    const { version } = row;
    const button = (text, className, work) => {
      const made = make("button", { type: "button", className, textContent: `${text} …`, "aria-label": `${text} ${version}` });
      made.dataset.does = `${text} ${version}`;
      made.addEventListener("click", () => work(this.#plugin, version, this.changed));
      return made;
    };
    const may = [];
    if (row.state.kind !== "serves") may.push(button("Activate", "second", activate));
    if (row.state.kind === "none") may.push(button("Remove", "danger", remove));
    return [
      make("strong", { textContent: version }),
      row.state.text ? make("span", { className: `badge ${row.state.look}`, textContent: row.state.text }) : "",
      row.note,
      make("td", {}, time(row.created_at), ` by ${row.created_by}`),
      make("td", { title: `sha256:${row.digest}` },
        make("code", { textContent: row.digest.slice(0, 12) }), ` ${bytes(row.size)}`,
        row.signed_by ? `, signed by ${row.signed_by}` : ""),
      may.length ? make("p", { className: "buttons" }, may) : "",
    ];
  }
}

/** What a version is to the plugin. */
function state({ pointer, draining }, version) {
  if (pointer?.active === version) return { kind: "serves", text: "serves", look: "good" };
  if (pointer?.canary?.version === version) {
    return { kind: "canary", text: `canary, ${percent(pointer.canary.share / 100)}`, look: "warn" };
  }
  const drained = draining.some((one) => one.version === version);
  if (pointer?.previous === version) {
    return { kind: "before", text: drained ? "before, drains" : "before", look: "" };
  }
  return { kind: "none", text: drained ? "drains" : "", look: "" };
}

function canaryWords(canary) {
  const steps = canary.steps.map((share) => percent(share / 100)).join(", ");
  const next = steps ? ` Next: ${steps}, each for ${duration(canary.step_millis)} at least.` : "";
  return `A canary${canary.sticky ? ", sticky" : ""}.${next}`;
}

function drains({ draining, ended }) {
  const now = draining.map((one) => {
    const text = `Version ${one.version} finishes ${counted(one.in_flight, "request", "requests")}; `
      + `what is left after ${duration(one.limit_millis)} is cut`;
    return make("div", { className: "drain" }, make("p", { textContent: `${text}.` }),
      make("progress", { max: one.limit_millis, value: Math.min(one.for_millis, one.limit_millis), "aria-label": text }));
  });
  const before = ended.slice(0, ENDED).map((one) => make("li", {},
    `${one.version} in ${duration(one.took_millis)}, `,
    one.cut ? make("span", { className: "bad", textContent: `${one.cut} cut` }) : "nothing cut"));
  return [
    ...(now.length ? [make("h3", { textContent: "Draining" }), ...now] : []),
    ...(before.length
      ? [make("details", { className: "drain" },
        make("summary", { textContent: `Drained: ${ended[0].version}` }), make("ul", {}, before))]
      : []),
  ];
}
