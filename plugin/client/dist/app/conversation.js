// One channel: what is said there.
import { downloadUrl } from "../index.js";
import { Composer } from "./composer.js";
import { confirm, open as openDialog } from "./dialog.js";
import { announce, button, byId, dayOf, make, say, wrong } from "./dom.js";
import { messageItem, pendingItem } from "./message.js";
import {} from "./outbox.js";
import { openMembers } from "./people.js";
import { nameOf } from "./side.js";
import { Typing } from "./typing.js";
const PAGE = 50;
const EMOJIS = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "✅"];
/** How near to the end one has to be to see it, in pixels. */
const NEAR = 48;
export class Conversation {
    api;
    state;
    outbox;
    others;
    leave;
    composer;
    typing;
    #scroll = byId("scroll");
    #list = byId("messages");
    #items = new Map();
    #actions;
    #id = null;
    #hasBefore = false;
    #isReading = false;
    #isRead = false;
    constructor(api, state, outbox, others, leave, signal) {
        this.api = api;
        this.state = state;
        this.outbox = outbox;
        this.others = others;
        this.leave = leave;
        this.typing = new Typing(api, () => this.#showTyping());
        this.#actions = this.#makeActions();
        this.composer = new Composer(api, {
            send: (written) => {
                if (this.#id === null)
                    return;
                outbox.add({ channelId: this.#id, ...written });
                this.toEnd();
            },
            edit: async (message, body) => {
                await api.call("PATCH", "/messages/{id}", { path: { id: message.id }, body: { body } });
            },
            typing: (on) => {
                if (this.#id !== null)
                    this.typing.tell(this.#id, on);
            },
            last: () => this.#messages().findLast((it) => it.createdBy === state.userId) ?? null,
        }, signal);
        const on = { signal };
        this.#scroll.addEventListener("scroll", () => this.#scrolled(), on);
        this.#list.addEventListener("keydown", (event) => this.#key(event), on);
        byId("earlier").addEventListener("click", () => void this.#earlier(), on);
        byId("newest").addEventListener("click", () => this.toEnd(), on);
        byId("back").addEventListener("click", () => leave(), on);
        byId("members").addEventListener("click", () => {
            if (this.#id !== null)
                openMembers(api, state, this.#id);
        }, on);
        document.addEventListener("visibilitychange", () => this.markRead(), on);
        addEventListener("resize", () => {
            if (this.#isAtEnd)
                this.toEnd();
        }, on);
    }
    get id() {
        return this.#id;
    }
    /** Shows a channel. */
    async open(id) {
        if (this.#id !== id) {
            if (this.#id !== null)
                this.state.open.delete(this.#id);
            this.#id = id;
            this.#items.clear();
            this.#list.replaceChildren();
            this.composer.open(id);
            this.render();
        }
        byId("nothing").hidden = true;
        byId("open").hidden = false;
        byId("chat").classList.add("in-channel");
        this.#hasBefore = false;
        this.#isRead = false;
        this.#isAtEnd = true;
        this.#showHead();
        await this.read();
    }
    /** Shows none. */
    close() {
        if (this.#id !== null)
            this.state.open.delete(this.#id);
        this.#id = null;
        this.composer.open("");
        byId("nothing").hidden = false;
        byId("open").hidden = true;
        byId("chat").classList.remove("in-channel");
    }
    /** Reads the newest messages, and the members; what was there before is dropped. */
    async read() {
        const id = this.#id;
        if (id === null)
            return;
        const open = this.state.follow(id);
        const path = { id };
        try {
            await this.state.read(async () => {
                const members = await this.api.call("GET", "/channels/{id}/members", { path, query: { limit: 100 } });
                const history = await this.api.call("GET", "/channels/{id}/messages", { path, query: { limit: PAGE } });
                return { members: members.data, history: history.data };
            }, ({ members, history }) => {
                open.members.clear();
                for (const member of members)
                    open.members.set(member.userId, member);
                open.messages.clear();
                this.state.learn(history.messages);
                if (id === this.#id)
                    this.#hasBefore = history.hasBefore;
            });
        }
        catch (cause) {
            if (id !== this.#id)
                return;
            this.#isRead = false;
            say(byId("first"), wrong(cause));
            byId("first").hidden = this.#list.childElementCount > 0;
            return;
        }
        if (id !== this.#id)
            return;
        this.#isRead = true;
        this.render();
        this.markRead();
    }
    /** The connection is there again: what could not be read and said is tried once more. */
    again() {
        if (this.#id !== null && !this.#isRead)
            void this.read();
        this.markRead();
    }
    /** An event has changed something of this channel. */
    changed(change) {
        if (change.history)
            void this.read();
        else
            this.render();
        this.markRead();
    }
    /** Says a new message aloud, and stops its author from typing. */
    told(message) {
        this.typing.over(message.channelId, message.createdBy);
        if (message.createdBy === this.state.userId)
            return;
        const where = message.channelId === this.#id ? "" : " in another conversation";
        announce(`${message.createdBy}${where}: ${message.body}`);
    }
    render() {
        const id = this.#id;
        const channel = id === null ? undefined : this.state.channels.get(id);
        if (id === null || !channel)
            return;
        const wasAtEnd = this.#isAtEnd;
        this.#showHead();
        this.#place(this.#listed(id));
        byId("earlier").hidden = !this.#hasBefore;
        byId("first").hidden = !this.#isRead || this.#list.childElementCount > 0;
        say(byId("first"), "Nothing has been said here yet.");
        if (wasAtEnd)
            this.toEnd();
        else
            byId("newest").hidden = !this.#messages().some((it) => this.state.isUnread(it));
        this.#showTyping();
    }
    toEnd() {
        this.#isAtEnd = true;
        this.#scroll.scrollTop = this.#scroll.scrollHeight;
        byId("newest").hidden = true;
        this.markRead();
    }
    /** Everything is read that is in view of somebody. */
    markRead() {
        const id = this.#id;
        if (id === null || !this.#isRead || !this.#isAtEnd || document.visibilityState !== "visible")
            return;
        const own = this.state.channels.get(id)?.membership;
        const seq = Math.max(0, ...this.#messages().map((it) => it.seq ?? 0));
        if (!own || seq <= own.readSeq || this.#reading >= seq)
            return;
        this.#reading = seq;
        this.api
            .call("PUT", "/channels/{id}/read", { path: { id }, body: { seq } })
            // With the next message, then, or when the connection is there again.
            .catch(() => { })
            .finally(() => {
            this.#reading = 0;
        });
    }
    #reading = 0;
    #isAtEnd = true;
    #messages() {
        const open = this.#id === null ? undefined : this.state.open.get(this.#id);
        return [...(open?.messages.values() ?? [])].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
    }
    #showHead() {
        const channel = this.state.channels.get(this.#id ?? "");
        if (!channel)
            return;
        const members = [...(this.state.open.get(channel.id)?.members.keys() ?? [])];
        say(byId("title"), nameOf(channel, this.others));
        const kinds = { direct: "Direct conversation", group: "Group", public: "Public channel" };
        const parts = [kinds[channel.kind]];
        if (channel.kind !== "direct" && members.length > 0) {
            parts.push(members.length > 4 ? `${members.length} members` : members.join(", "));
        }
        if (channel.topic)
            parts.push(channel.topic);
        if (channel.archivedOn !== null)
            parts.push("archived");
        say(byId("about"), parts.join(" · "));
        byId("composer").hidden = channel.archivedOn !== null;
    }
    #showTyping() {
        if (this.#id !== null)
            say(byId("typing"), this.typing.words(this.#id));
    }
    /** Who has got and read the caller's last message. */
    #receipt(message) {
        const open = this.state.open.get(message.channelId);
        const others = [...(open?.members.values() ?? [])].filter((it) => it.userId !== this.state.userId);
        const seq = message.seq ?? 0;
        const readers = others.filter((it) => it.readSeq >= seq).map((it) => it.userId);
        if (others.length === 1) {
            if (readers.length === 1)
                return "Read";
            return others[0] && others[0].deliveredSeq >= seq ? "Delivered" : "Sent";
        }
        if (readers.length === 0)
            return "Sent";
        if (readers.length === others.length)
            return "Read by all";
        return readers.length > 3 ? `Read by ${readers.length}` : `Read by ${readers.join(", ")}`;
    }
    #listed(id) {
        const messages = this.#messages();
        const lastOwn = messages.findLast((it) => it.createdBy === this.state.userId)?.id;
        const role = this.state.channels.get(id)?.membership?.role ?? "member";
        const items = [];
        let before = null;
        const begin = (by, on) => {
            const day = dayOf(on);
            if (before?.day !== day) {
                items.push(this.#item(`day ${day}`, day, () => make("li", { className: "day", textContent: day })));
            }
            const first = before?.by !== by || before.day !== day;
            before = { by, day };
            return first;
        };
        for (const message of messages) {
            const parent = message.parentMessageId && this.state.message(id, message.parentMessageId);
            const own = message.createdBy === this.state.userId;
            const seen = {
                own,
                first: begin(message.createdBy, message.createdOn),
                mayRemove: own || role !== "member",
                parent: parent ? `${parent.createdBy}: ${parent.body}` : this.#hasBefore ? "An earlier message" : "A message that is gone",
                receipt: message.id === lastOwn ? this.#receipt(message) : "",
            };
            const sign = JSON.stringify([message, seen]);
            items.push(this.#item(message.id, sign, () => messageItem(message, seen, this.#actions)));
        }
        for (const pending of this.outbox.of(id)) {
            const first = begin(this.state.userId, pending.createdOn);
            const sign = JSON.stringify([pending, first]);
            items.push(this.#item(pending.clientMessageId, sign, () => pendingItem(pending, first, this.#actions)));
        }
        return items;
    }
    #item(key, sign, create) {
        const known = this.#items.get(key);
        if (known?.sign === sign)
            return known.item;
        const item = create();
        this.#items.set(key, { sign, item });
        if (known?.item.contains(document.activeElement)) {
            const label = (it) => it?.ariaLabel ?? it?.textContent;
            const focused = label(document.activeElement);
            queueMicrotask(() => {
                const same = [...item.querySelectorAll("button")].find((it) => label(it) === focused);
                (same ?? item).focus({ preventScroll: true });
            });
        }
        return item;
    }
    /** What stays where it is keeps its focus. */
    #place(items) {
        const wanted = new Set(items);
        for (const child of [...this.#list.children])
            if (!wanted.has(child))
                child.remove();
        items.forEach((item, place) => {
            const there = this.#list.children[place];
            if (there !== item)
                this.#list.insertBefore(item, there ?? null);
        });
        // One of the messages can be reached by Tab: the last, or that which has the focus.
        const all = [...this.#list.querySelectorAll(".message")];
        const current = all.find((it) => it.contains(document.activeElement)) ?? all.at(-1);
        for (const it of all)
            it.tabIndex = it === current ? 0 : -1;
    }
    #key(event) {
        const all = [...this.#list.querySelectorAll(".message")];
        const place = all.findIndex((it) => it.contains(document.activeElement));
        const steps = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 };
        const step = steps[event.key];
        if (event.key === "Escape")
            this.composer.focus();
        if (step === undefined || place < 0)
            return;
        event.preventDefault();
        if (step < 0 && this.#hasBefore)
            void this.#earlier();
        const next = all[step];
        if (!next)
            return;
        all.forEach((it) => {
            it.tabIndex = it === next ? 0 : -1;
        });
        next.focus();
    }
    #scrolled() {
        const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
        this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
        if (this.#isAtEnd) {
            byId("newest").hidden = true;
            this.markRead();
        }
        if (scrollTop < 200 && this.#hasBefore && this.#isRead)
            void this.#earlier();
    }
    /** Reads the page before the first message, and keeps in view what is. */
    async #earlier() {
        const id = this.#id;
        const first = this.#messages()[0];
        if (id === null || this.#isReading || !first || first.seq === null)
            return;
        this.#isReading = true;
        const before = first.seq;
        try {
            const { hasBefore } = await this.state.read(async () => {
                const query = { before, limit: PAGE };
                return (await this.api.call("GET", "/channels/{id}/messages", { path: { id }, query })).data;
            }, ({ messages }) => this.state.learn(messages));
            if (id !== this.#id)
                return;
            this.#hasBefore = hasBefore;
            const { scrollHeight, scrollTop } = this.#scroll;
            this.#isAtEnd = false;
            this.render();
            this.#scroll.scrollTop = scrollTop + this.#scroll.scrollHeight - scrollHeight;
        }
        catch (cause) {
            announce(wrong(cause));
        }
        finally {
            this.#isReading = false;
        }
    }
    #makeActions() {
        const { api, outbox } = this;
        const failed = (cause) => openDialog("That did not work", (dialog) => [
            make("p", { textContent: wrong(cause) }),
            make("p", { className: "buttons" }, button("Close", dialog.close, { className: "first" })),
        ]);
        const react = (message, emoji, on) => {
            const path = { id: message.id, emoji };
            api.call(on ? "PUT" : "DELETE", "/messages/{id}/reactions/{emoji}", { path }).catch(failed);
        };
        return {
            react,
            pick: (message) => openDialog("React", (dialog) => [
                make("div", { className: "emojis" }, ...EMOJIS.map((emoji) => button(emoji, () => {
                    const mine = message.reactions.some((it) => it.emoji === emoji && it.mine);
                    dialog.close();
                    react(message, emoji, !mine);
                }))),
                make("p", { className: "buttons" }, button("Cancel", dialog.close)),
            ]),
            reply: (message) => this.composer.reply(message),
            edit: (message) => this.composer.edit(message),
            remove: (message) => {
                const text = `“${message.body.slice(0, 200)}” is deleted for everybody, with its files.`;
                confirm("Delete this message?", text, "Delete", async () => {
                    await api.call("DELETE", "/messages/{id}", { path: { id: message.id } });
                    this.composer.focus();
                });
            },
            download: (id, name) => {
                downloadUrl(api, id).then((url) => {
                    make("a", { href: url.href, download: name }).click();
                    announce(`Downloading ${name}`);
                }, failed);
            },
            jump: (id) => void this.#jump(id),
            again: (pending) => outbox.again(pending),
            discard: (pending) => outbox.discard(pending),
        };
    }
    /** Goes to a message, however far up it is, within reason. */
    async #jump(id) {
        for (let pages = 0; pages < 20; pages++) {
            const item = this.#items.get(id)?.item;
            if (item?.isConnected) {
                item.scrollIntoView({ block: "center" });
                item.focus({ preventScroll: true });
                item.classList.add("flash");
                setTimeout(() => item.classList.remove("flash"), 1500);
                return;
            }
            if (!this.#hasBefore)
                return;
            await this.#earlier();
        }
    }
}
