// Elements, and how things are written. Whatever comes from the service becomes text, never
// markup.

type Child = Node | string | null | undefined | false;

/** An element with properties, attributes (a hyphen in the name, or `role`) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, String(value));
    else Object.assign(element, { [key]: value });
  }
  element.append(...children.filter((it): it is Node | string => Boolean(it)));
  return element;
}

/** A button that says what it does to everybody. */
export function button(text: string, click: () => void, more: Record<string, unknown> = {}): HTMLButtonElement {
  return make("button", { type: "button", textContent: text, onclick: click, ...more });
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id}`);
  return found as T;
}

/** Only what is new is written: it is read aloud each time. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Says it aloud to those who do not see it come. */
export function announce(text: string): void {
  byId("news").textContent = text.slice(0, 300);
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function dayOf(time: string): string {
  const then = day.format(new Date(time));
  return then === day.format(new Date()) ? "Today" : then;
}

/** The time of a day, with the rest of it for who asks. */
export function clockOf(time: string): HTMLTimeElement {
  const date = new Date(time);
  return make("time", { dateTime: time, textContent: clock.format(date), title: whole.format(date) });
}

/** As short as a list has room for. */
export function shortOf(time: string): HTMLTimeElement {
  const made = clockOf(time);
  const date = dayOf(time);
  if (date !== "Today") made.textContent = date;
  return made;
}

export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A round sign for somebody or something, in a colour of its own. */
export function face(name: string): HTMLElement {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  const first = [...name.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "#";
  return make("span", {
    className: `face f${sum % 6}`,
    "aria-hidden": "true",
    textContent: first.toLocaleUpperCase(),
  });
}

/** What to tell a person of something that went wrong. */
export function wrong(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
