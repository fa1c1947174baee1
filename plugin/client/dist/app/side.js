// The list of channels.
import { byId, face, make, say, shortOf } from "./dom.js";
/** What a channel is called: a direct conversation by the other one. */
export function nameOf(channel, others) {
    if (channel.name)
        return channel.name;
    if (channel.kind === "direct")
        return others.get(channel.id) ?? "Direct conversation";
    return "Unnamed group";
}
export class Side {
    state;
    others;
    choose;
    #list = byId("channels");
    #known = new Map();
    constructor(state, others, choose, signal) {
        this.state = state;
        this.others = others;
        this.choose = choose;
        this.#list.addEventListener("keydown", (event) => this.#key(event), { signal });
    }
    show(chosen) {
        const channels = this.state.sorted();
        byId("no-channels").hidden = channels.length > 0;
        const items = channels.map((channel) => this.#item(channel, channel.id === chosen));
        // Those that stay where they are keep the focus.
        items.forEach((item, place) => {
            if (this.#list.children[place] !== item) {
                const focused = item.contains(document.activeElement) ? document.activeElement : null;
                this.#list.insertBefore(item, this.#list.children[place] ?? null);
                focused?.focus();
            }
        });
        while (this.#list.children.length > items.length)
            this.#list.lastElementChild?.remove();
        const unread = channels.reduce((sum, it) => sum + (it.membership?.mutedUntil ? 0 : it.unread), 0);
        document.title = unread > 0 ? `(${unread}) Chat` : "Chat";
        say(byId("me"), this.state.userId);
    }
    #item(channel, isChosen) {
        const name = nameOf(channel, this.others);
        const last = channel.lastMessage;
        const text = last ? lastWords(last, this.state.userId, channel.kind === "direct") : "No messages yet";
        const unread = channel.hasMoreUnread ? "999+" : channel.unread > 0 ? String(channel.unread) : "";
        const sign = JSON.stringify([name, text, unread, isChosen, channel.activeOn]);
        const known = this.#known.get(channel.id);
        if (known?.sign === sign)
            return known.item;
        const entry = make("button", {
            type: "button",
            className: unread ? "entry unread" : "entry",
            onclick: () => this.choose(channel.id),
            "aria-current": isChosen ? "true" : "false",
        }, face(name), make("span", { className: "name", textContent: name }), shortOf(last?.createdOn ?? channel.activeOn), make("span", { className: "last", textContent: text }), unread !== "" &&
            make("span", { className: "badge", textContent: unread }, make("span", { className: "hidden", textContent: " unread" })));
        entry.dataset["channel"] = channel.id;
        const item = known?.item ?? make("li");
        const focused = item.contains(document.activeElement);
        item.replaceChildren(entry);
        if (focused)
            entry.focus();
        this.#known.set(channel.id, { sign, item });
        return item;
    }
    #key(event) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step === undefined)
            return;
        const all = [...this.#list.querySelectorAll(".entry")];
        const place = all.indexOf(document.activeElement);
        all[place + step]?.focus();
        event.preventDefault();
    }
}
function lastWords(last, me, isDirect) {
    const text = last.body.replace(/\s+/g, " ");
    if (last.createdBy === me)
        return `You: ${text}`;
    return isDirect ? text : `${last.createdBy}: ${text}`;
}
