// Elements, and how things are written. Whatever comes from the service becomes text, never
// markup.
/** An element with properties, attributes (a hyphen in the name, or `role`) and children. */
export function make(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null)
            continue;
        if (key.includes("-") || key === "role" || key === "for")
            element.setAttribute(key, String(value));
        else
            Object.assign(element, { [key]: value });
    }
    element.append(...children.filter((it) => Boolean(it)));
    return element;
}
/** A button that says what it does to everybody. */
export function button(text, click, more = {}) {
    return make("button", { type: "button", textContent: text, onclick: click, ...more });
}
export function byId(id) {
    const found = document.getElementById(id);
    if (!found)
        throw new Error(`no #${id}`);
    return found;
}
/** Only what is new is written: it is read aloud each time. */
export function say(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}
/** Says it aloud to those who do not see it come. */
export function announce(text) {
    byId("news").textContent = text.slice(0, 300);
}
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export function dayOf(time) {
    const then = day.format(new Date(time));
    return then === day.format(new Date()) ? "Today" : then;
}
/** The time of a day, with the rest of it for who asks. */
export function clockOf(time) {
    const date = new Date(time);
    return make("time", { dateTime: time, textContent: clock.format(date), title: whole.format(date) });
}
/** As short as a list has room for. */
export function shortOf(time) {
    const made = clockOf(time);
    const date = dayOf(time);
    if (date !== "Today")
        made.textContent = date;
    return made;
}
export function bytes(count) {
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
export function face(name) {
    let sum = 0;
    for (const char of name)
        sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
    const first = [...name.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "#";
    return make("span", {
        className: `face f${sum % 6}`,
        "aria-hidden": "true",
        textContent: first.toLocaleUpperCase(),
    });
}
/** What to tell a person of something that went wrong. */
export function wrong(cause) {
    return cause instanceof Error ? cause.message : String(cause);
}
