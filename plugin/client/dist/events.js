// What is told live.
import { isObject } from "./errors.js";
/** Whether an event is of that type; its data are what {@link Told} says then. */
export function is(event, kind) {
    return event.type === kind;
}
/** What a frame says; null where it is none of ours. */
export function frame(text) {
    try {
        const value = JSON.parse(text);
        return isObject(value) && typeof value["type"] === "string" ? value : null;
    }
    catch {
        return null;
    }
}
/** Whether a frame is an event of a topic, and not a word of the host's own. */
export function isEvent(value) {
    return typeof value["topic"] === "string" && "data" in value;
}
