// Signing in, and what happens from then on.
import { Api, Live, Refused, State, is } from "../index.js";
import { Conversation } from "./conversation.js";
import { byId, say, wrong } from "./dom.js";
import { Outbox } from "./outbox.js";
import { openNew } from "./people.js";
import { Side } from "./side.js";
/** Where the token is kept: in this tab, until it is closed. */
const KEPT = "chat-token";
/** How often others are told that somebody is there, in milliseconds. */
const PRESENT = 60_000;
function kept() {
    try {
        return sessionStorage.getItem(KEPT);
    }
    catch {
        return null;
    }
}
function keep(token) {
    try {
        if (token === null)
            sessionStorage.removeItem(KEPT);
        else
            sessionStorage.setItem(KEPT, token);
    }
    catch {
        // Without storage the token is forgotten at the next load, no more.
    }
}
/** One who is signed in, until signed out. */
class Chat {
    #over = new AbortController();
    #state = new State();
    #others = new Map();
    #api;
    #live;
    #outbox;
    #conversation;
    #side;
    /** Entries that are to be read again. */
    #stale = new Set();
    #isRereading = false;
    constructor(token) {
        this.#api = new Api({
            base: new URL("..", location.href),
            token: (renew) => {
                if (renew)
                    queueMicrotask(() => this.#refused());
                return renew ? null : token;
            },
        });
        this.#outbox = new Outbox(this.#api, (message) => {
            this.#state.learn([message]);
            this.#show(message.channelId);
        }, (channel) => this.#show(channel));
        this.#conversation = new Conversation(this.#api, this.#state, this.#outbox, this.#others, () => this.#back(), this.#over.signal);
        this.#side = new Side(this.#state, this.#others, (id) => void this.#open(id), this.#over.signal);
        this.#live = new Live({
            api: this.#api,
            sync: (signal) => this.#sync(signal),
            event: (event) => this.#heard(event),
            status: (status) => this.#tell(status),
        });
        const on = { signal: this.#over.signal };
        byId("new").addEventListener("click", () => openNew(this.#api, (channel) => this.#made(channel)), on);
        byId("sign-out").addEventListener("click", () => leave(""), on);
        const wake = () => {
            this.#live.wake();
            this.#outbox.wake();
        };
        addEventListener("online", wake, on);
        document.addEventListener("visibilitychange", wake, on);
        const beat = setInterval(() => this.#be("online"), PRESENT);
        this.#over.signal.addEventListener("abort", () => clearInterval(beat));
        this.#live.start();
    }
    end() {
        this.#be("offline");
        this.#over.abort();
        this.#live.stop();
        this.#outbox.end();
        this.#conversation.close();
        this.#conversation.composer.clear();
        for (const dialog of document.querySelectorAll("dialog"))
            dialog.close();
        byId("channels").replaceChildren();
        document.title = "Chat";
    }
    #refused() {
        if (!this.#over.signal.aborted)
            leave("This token is not taken, or not any more. Sign in again.");
    }
    #be(status) {
        if (document.visibilityState !== "visible")
            return;
        this.#api.call("PUT", "/presence", { body: { status } }).catch(() => { });
    }
    async #sync(signal) {
        const open = this.#conversation.id;
        const cursor = await this.#state.sync(this.#api, signal);
        await this.#name([...this.#state.channels.values()]);
        if (open !== null && !this.#state.channels.has(open))
            this.#back();
        else if (open !== null)
            await this.#conversation.open(open);
        this.#side.show(this.#conversation.id);
        return cursor;
    }
    /** Finds out with whom direct conversations are. */
    async #name(channels) {
        const me = this.#state.userId;
        const unknown = channels.filter((it) => it.kind === "direct" && !this.#others.has(it.id));
        for (const channel of unknown) {
            const { createdBy, lastMessage } = channel;
            const seen = [createdBy, lastMessage?.createdBy, lastMessage?.toUserId].find((it) => it && it !== me);
            if (seen)
                this.#others.set(channel.id, seen);
            else {
                const path = { id: channel.id };
                const { data } = await this.#api.call("GET", "/channels/{id}/members", { path });
                this.#others.set(channel.id, data.find((it) => it.userId !== me)?.userId ?? me);
            }
        }
    }
    #heard(event) {
        if (is(event, "typing")) {
            if (event.data.userId !== this.#state.userId)
                this.#conversation.typing.heard(event.data);
            return;
        }
        const change = this.#state.apply(event);
        if (is(event, "message.created")) {
            this.#outbox.arrived(event.data);
            this.#conversation.told(event.data);
        }
        if (is(event, "channel.joined"))
            void this.#join(event.data);
        if (change.channel === null)
            return;
        if (change.entry) {
            this.#stale.add(change.channel);
            void this.#reread();
        }
        const open = this.#conversation.id;
        if (open !== null && !this.#state.channels.has(open))
            this.#back();
        else if (change.channel === open)
            this.#conversation.changed(change);
        this.#side.show(this.#conversation.id);
    }
    async #join(channel) {
        await this.#name([channel]).catch(() => { });
        this.#side.show(this.#conversation.id);
    }
    /** Reads entries of channels again, each once for all that is asked for meanwhile. */
    async #reread() {
        if (this.#isRereading)
            return;
        this.#isRereading = true;
        await new Promise((done) => setTimeout(done, 50));
        for (const id of this.#stale) {
            // What is said of it from now on has it read once more.
            this.#stale.delete(id);
            try {
                await this.#state.read(() => this.#entry(id), (entry) => {
                    if (entry === null)
                        this.#state.channels.delete(id);
                    else if (this.#state.channels.has(id))
                        this.#state.channels.set(id, entry);
                });
            }
            catch {
                // When the connection is there again.
                this.#stale.add(id);
                break;
            }
            this.#show(id);
        }
        this.#isRereading = false;
    }
    /** The entry of a channel; null where it is none of the caller's. */
    async #entry(id) {
        try {
            return (await this.#api.call("GET", "/channels/{id}", { path: { id } })).data;
        }
        catch (cause) {
            if (cause instanceof Refused && cause.status === 404)
                return null;
            throw cause;
        }
    }
    #show(channel) {
        if (channel === this.#conversation.id)
            this.#conversation.render();
        this.#side.show(this.#conversation.id);
    }
    async #open(id) {
        const shown = this.#conversation.open(id);
        this.#side.show(id);
        if (matchMedia("(min-width: 46rem)").matches)
            this.#conversation.composer.focus();
        else
            byId("title").focus();
        await shown;
        this.#side.show(this.#conversation.id);
    }
    #back() {
        const id = this.#conversation.id;
        this.#conversation.close();
        this.#side.show(null);
        const entry = id === null ? null : document.querySelector(`[data-channel="${CSS.escape(id)}"]`);
        (entry ?? byId("new")).focus();
    }
    #made(channel) {
        // The event says the same, sooner or later.
        if (!this.#state.channels.has(channel.id))
            this.#state.channels.set(channel.id, channel);
        void this.#join(channel);
        void this.#open(channel.id);
    }
    #tell(status) {
        const element = byId("status");
        element.className = "status";
        switch (status.state) {
            case "live":
                element.classList.add("live");
                say(element, "Connected");
                this.#outbox.wake();
                this.#conversation.again();
                void this.#reread();
                this.#be("online");
                break;
            case "connecting":
                say(element, "Connecting …");
                break;
            case "waiting":
                element.classList.add("lost");
                say(element, "Not connected …");
                break;
            case "stopped":
                element.classList.add("lost");
                say(element, "Not connected");
                if (status.why === "refused")
                    leave("The service does not let this token listen.");
                if (status.why === "revoked")
                    leave("Your access has ended.");
        }
    }
}
let chat = null;
function enter(token) {
    keep(token);
    byId("sign-in").hidden = true;
    byId("chat").hidden = false;
    chat = new Chat(token);
}
function leave(notice) {
    const old = chat;
    chat = null;
    keep(null);
    old?.end();
    byId("chat").hidden = true;
    byId("sign-in").hidden = false;
    const told = byId("sign-in-notice");
    told.textContent = notice;
    told.hidden = notice === "";
    byId("token").focus();
}
byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = byId("token");
    const token = input.value.trim();
    input.value = "";
    // A header takes nothing else.
    if (!/^[!-~]+$/.test(token))
        leave("That is no token.");
    else
        enter(token);
});
addEventListener("unhandledrejection", (event) => console.error(wrong(event.reason)));
const token = kept();
if (token === null)
    leave("");
else
    enter(token);
