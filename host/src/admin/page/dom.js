// Elements, and how things are written. Whatever comes from the gateway becomes text, never
// markup: notes and versions are somebody's own words.

/** An element with properties, attributes (a hyphen in the name, `role`) and children. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * A table. Narrow screens show its rows as blocks, which takes the table's meaning from
 * assistive technology, so the roles are said again.
 */
export function table(label, columns, rows) {
  const head = columns.map((column) => make("th", { scope: "col", role: "columnheader", textContent: column }));
  const body = rows.map((cells) => make("tr", { role: "row" }, cells.map((cell, index) => {
    const made = cell instanceof HTMLTableCellElement ? cell : make("td", {}, cell);
    made.setAttribute("role", "cell");
    if (columns[index]) made.dataset.label = columns[index];
    return made;
  })));
  return make("table", { role: "table", "aria-label": label },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, head)),
    make("tbody", { role: "rowgroup" }, body));
}

export function list(texts) {
  return make("ul", {}, texts.map((text) => make("li", { textContent: text })));
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A time from microseconds since 1970. */
export function time(micros) {
  const date = new Date(micros / 1000);
  return make("time", { dateTime: date.toISOString(), textContent: moment.format(date) });
}

const numbers = [0, 1, 2].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits }));

/** A number with as many digits as say something. */
export function number(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return numbers[digits].format(value);
}

export function counted(count, one, more) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}

export function percent(share) {
  return `${number(share)} %`;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${number(count / 1024)} KiB` : `${number(count / 1024 / 1024)} MiB`;
}

export function duration(millis) {
  if (millis < 1000) return `${number(millis)} ms`;
  return millis < 120_000 ? `${number(millis / 1000)} s` : `${number(millis / 60_000)} min`;
}
