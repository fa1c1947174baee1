// What the figures were in the last two minutes, and curves of it.

import { make, number } from "./dom.js";

/** How far back the charts look, in milliseconds. */
const SPAN = 120_000;

/** Over how long a percentile is taken: a single second has too few requests. */
const WINDOW = 5_000;

/** A longer silence than this is a gap in the curve. */
const GAP = 3_500;

const COLOURS = 5;

/** What a plugin's versions did; counters become rates here. */
export class History {
  #versions = new Map();
  #met = 0;

  /** Takes the figures of one moment in. */
  add(plugin, at) {
    for (const figures of plugin.serving) {
      const version = this.#of(figures.version);
      const before = version.counts.at(-1);
      // It served anew meanwhile, and counts from zero.
      if (before && (figures.requests < before.requests || at - before.at > GAP)) version.counts.length = 0;
      version.counts.push({ at, ...figures });
      while (version.counts.length > 2 && version.counts[1].at <= at - WINDOW) version.counts.shift();
      version.points.push({ at, inFlight: figures.in_flight, warm: figures.warm, ...rates(version.counts) });
    }
    for (const { version, in_flight: inFlight } of plugin.draining) {
      if (plugin.serving.some((figures) => figures.version === version)) continue;
      this.#of(version).points.push({ at, inFlight });
    }
    for (const [name, { points }] of this.#versions) {
      while (points.length && points[0].at < at - SPAN - GAP) points.shift();
      if (!points.length) this.#versions.delete(name);
    }
  }

  /** The colour of a version, the same as long as it is seen. */
  colour(version) {
    return `c${this.#of(version).colour}`;
  }

  get versions() {
    return [...this.#versions];
  }

  #of(name) {
    if (!this.#versions.has(name)) {
      this.#versions.set(name, { colour: this.#met++ % COLOURS, counts: [], points: [] });
    }
    return this.#versions.get(name);
  }
}

function rates(counts) {
  const [now, before] = [counts.at(-1), counts.at(-2)];
  if (!before) return {};
  const seconds = (now.at - before.at) / 1000;
  return {
    rate: (now.requests - before.requests) / seconds,
    // A request that failed after it was answered is counted late.
    failures: Math.max(0, now.failures - before.failures) / seconds,
    p99: percentile(counts[0].latencies, now.latencies),
  };
}

/** The time that 99 in 100 of the requests between two moments took at most. */
function percentile(before, now) {
  const had = new Map(before);
  const since = now.map(([end, count]) => [end, count - (had.get(end) ?? 0)]);
  const beyond = Math.floor(since.reduce((sum, [, count]) => sum + count, 0) / 100);
  let slower = 0;
  for (const [end, count] of since.reverse()) {
    slower += count;
    if (slower > beyond) return end;
  }
  return undefined;
}

/** The charts of one plugin. */
export class Charts {
  #charts = [
    new Chart("Requests", "/s", "rate"),
    new Chart("Failures", "/s", "failures"),
    new Chart("99th percentile", " ms", "p99"),
    new Chart("In flight", "", "inFlight"),
    new Chart("Warm instances", "", "warm"),
  ];
  element = make("div", { className: "charts" }, this.#charts.map((chart) => chart.element));

  draw(history, now) {
    for (const chart of this.#charts) chart.draw(history, now);
  }
}

class Chart {
  #values = make("div", { className: "values" });
  #top = make("span", { className: "top" });
  #svg = svg("svg", { viewBox: "0 0 120 40", preserveAspectRatio: "none", role: "img" });

  constructor(title, unit, key) {
    Object.assign(this, { title, unit, key });
    this.element = make("figure", {},
      make("figcaption", { textContent: title }), this.#values,
      make("div", { className: "plot" }, this.#svg, this.#top),
      make("div", { className: "axis", "aria-hidden": "true" },
        make("span", { textContent: "2 min ago" }), make("span", { textContent: "now" })));
  }

  draw(history, now) {
    const drawn = history.versions
      .map(([version, { points }]) => [version, points.filter((point) => point[this.key] !== undefined)])
      .filter(([, points]) => points.length);
    const top = ceiling(Math.max(0, ...drawn.flatMap(([, points]) => points.map((point) => point[this.key]))));
    this.#top.textContent = `${number(top)}${this.unit}`;
    const current = drawn
      .map(([version, points]) => [version, points.at(-1)])
      .filter(([, point]) => now - point.at < GAP)
      .map(([version, point]) => [version, `${number(point[this.key])}${this.unit}`]);
    this.#values.replaceChildren(...current.map(([version, value]) => make("span", { title: version },
      make("span", { className: `swatch ${history.colour(version)}` }), value)));
    const said = current.map(([version, value]) => `${version} ${value}`).join(", ");
    this.#svg.setAttribute("aria-label", `${this.title}: ${said || "nothing yet"}`);
    const y = (value) => 39 - (value / top) * 38;
    this.#svg.replaceChildren(
      ...[1, 20, 39].map((at) => svg("line", { class: "grid", x1: 0, x2: 120, y1: at, y2: at })),
      ...drawn.map(([version, points]) => svg("path", {
        class: `line ${history.colour(version)}`, d: curve(points, now, (point) => y(point[this.key])),
      })));
  }
}

function curve(points, now, y) {
  let last = -Infinity;
  return points.map((point) => {
    const step = point.at - last > GAP ? "M" : "L";
    last = point.at;
    return `${step}${(Math.max(0, SPAN - (now - point.at)) / 1000).toFixed(2)} ${y(point).toFixed(2)}`;
  }).join("");
}

/** A round number that is not below the value. */
function ceiling(value) {
  if (value <= 1) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((times) => times * step).find((end) => end >= value);
}

function svg(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
