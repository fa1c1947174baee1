// One connection to `/events`: by Server-Sent Events or by a WebSocket.
import { Unreachable } from "./errors.js";
import { Parser } from "./sse.js";
/** Ended without a word. */
export const LOST = { code: 1006, cursor: null };
/** The codes that the service closes with. */
export const Close = {
    Restart: 1012,
    Full: 1013,
    Expired: 4401,
    Revoked: 4403,
    Slow: 4408,
};
function address(api, query) {
    const url = api.url("/events");
    for (const [name, value] of Object.entries(query)) {
        if (value !== null)
            url.searchParams.set(name, value);
    }
    return url;
}
/** How long a stream may be silent: more than two heartbeats, in milliseconds. */
const SILENCE = 60_000;
/** Server-Sent Events with the token in a header. */
export function stream(silence = SILENCE) {
    return async (api, cursor, ear, signal) => {
        const silent = new AbortController();
        let timer;
        const heard = () => {
            clearTimeout(timer);
            timer = setTimeout(() => silent.abort(), silence);
        };
        const parser = new Parser();
        let end = LOST;
        heard();
        try {
            const answer = await api.fetch(address(api, { cursor }), {
                headers: { accept: "text/event-stream" },
                signal: AbortSignal.any([signal, silent.signal]),
            });
            ear.opened();
            const reader = answer.body.getReader();
            const decoder = new TextDecoder();
            for (;;) {
                const { done, value } = await reader.read();
                if (done)
                    return end;
                heard();
                for (const block of parser.feed(decoder.decode(value, { stream: true }))) {
                    if (block.retry !== null)
                        ear.paused(block.retry);
                    if (block.kind === "close")
                        end = farewell(block.data);
                    else if (block.data !== null)
                        ear.told(block.data);
                    else if (block.id)
                        ear.passed(block.id);
                }
            }
        }
        catch (cause) {
            if (signal.aborted)
                throw cause;
            if (silent.signal.aborted || cause instanceof TypeError)
                return end;
            throw cause;
        }
        finally {
            clearTimeout(timer);
        }
    };
}
function farewell(data) {
    try {
        const { code, cursor } = JSON.parse(data ?? "");
        return {
            code: typeof code === "number" ? code : LOST.code,
            cursor: typeof cursor === "string" ? cursor : null,
        };
    }
    catch {
        return LOST;
    }
}
/** How long a WebSocket may take to open, in milliseconds. */
const PATIENCE = 30_000;
/** A WebSocket, which is opened with a ticket: it can't send the token in a header. */
export function socket(mouth, Socket = WebSocket) {
    return async (api, cursor, ear, signal) => {
        const { data } = await api.call("POST", "/events/tickets", { signal });
        const url = address(api, { ticket: data.ticket, cursor });
        url.protocol = url.protocol.replace("http", "ws");
        return new Promise((resolve, reject) => {
            let isOpen = false;
            const it = new Socket(url);
            const say = (text) => it.send(text);
            const late = setTimeout(() => it.close(), PATIENCE);
            const stop = () => it.close(1000);
            signal.addEventListener("abort", stop, { once: true });
            it.onopen = () => {
                isOpen = true;
                clearTimeout(late);
                mouth.say = say;
                ear.opened();
            };
            it.onmessage = (message) => {
                if (!signal.aborted)
                    ear.told(String(message.data));
            };
            it.onclose = ({ code, reason }) => {
                clearTimeout(late);
                signal.removeEventListener("abort", stop);
                if (mouth.say === say)
                    mouth.say = null;
                if (signal.aborted)
                    reject(signal.reason);
                else if (!isOpen)
                    reject(new Unreachable("The WebSocket was not opened."));
                else
                    resolve({ code, cursor: reason.startsWith("v1.") ? reason : null });
            };
        });
    };
}
