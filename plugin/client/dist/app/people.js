// Beginning conversations, and who is in them.
import { confirm, form, open } from "./dialog.js";
import { button, make, wrong } from "./dom.js";
/** Asks for a new conversation; `made` gets its id. */
export function openNew(api, made) {
    open("New conversation", (dialog) => {
        const user = make("input", { id: "new-user", maxLength: 128, autocomplete: "off", spellcheck: false });
        const name = make("input", { id: "new-name", maxLength: 200, autocomplete: "off" });
        const members = make("input", {
            id: "new-members", autocomplete: "off", spellcheck: false, "aria-describedby": "new-members-help",
        });
        const direct = make("div", {}, label(user, "With"));
        const group = make("div", { hidden: true }, label(name, "Name"), label(members, "Members"), make("p", { id: "new-members-help", className: "soft", textContent: "Their ids, with commas in between." }));
        let kind = "direct";
        const choose = (chosen) => {
            kind = chosen;
            direct.hidden = kind !== "direct";
            group.hidden = kind === "direct";
            user.required = kind === "direct";
            name.required = kind !== "direct";
        };
        choose(kind);
        const radio = (value, text) => make("label", { className: "inline" }, make("input", { type: "radio", name: "kind", value, checked: value === kind, onchange: () => choose(value) }), text);
        const work = async () => {
            const ids = members.value.split(",").map((it) => it.trim()).filter(Boolean);
            const body = kind === "direct"
                ? { kind, userId: user.value.trim() }
                : { kind, name: name.value.trim(), ...(ids.length > 0 && { members: [...new Set(ids)] }) };
            made((await api.call("POST", "/channels", { body })).data);
        };
        return [
            form(dialog, "Begin", work, make("fieldset", {}, make("legend", { textContent: "Kind" }), radio("direct", "Direct"), radio("group", "Group"), radio("public", "Public channel")), direct, group),
            joinable(api, dialog, made),
        ];
    });
}
function label(input, text) {
    return make("div", {}, make("label", { for: input.id, textContent: text }), input);
}
/** The public channels that one is not in yet. */
function joinable(api, dialog, made) {
    const list = make("ul", { className: "people" });
    const section = make("section", { hidden: true, "aria-label": "Public channels" }, make("h3", { textContent: "Public channels" }), list);
    const join = (id) => {
        api.call("POST", "/channels/{id}/join", { path: { id } }).then(({ data }) => {
            dialog.close();
            made(data);
        }, (cause) => dialog.problem(wrong(cause)));
    };
    api.call("GET", "/channels", { query: { public: true, limit: 20 } }).then(({ data }) => {
        const others = data.filter((it) => it.membership === null && it.archivedOn === null);
        const name = (it) => it.name ?? "Unnamed channel";
        list.append(...others.map((it) => make("li", {}, make("span", { className: "who", textContent: name(it) }), button("Join", () => join(it.id), { "aria-label": `Join ${name(it)}` }))));
        section.hidden = others.length === 0;
    }, 
    // Then there is nothing to choose from.
    () => { });
    return section;
}
/** Shows who is in a channel, and what the caller may change there. */
export function openMembers(api, state, id) {
    const channel = state.channels.get(id);
    if (!channel)
        return;
    open("Members", (dialog) => {
        const role = channel.membership?.role ?? "member";
        const mayInvite = channel.kind !== "direct" && role !== "member";
        const list = make("ul", { className: "people" });
        const remove = (userId) => {
            const work = async () => {
                await api.call("DELETE", "/channels/{id}/members/{userId}", { path: { id, userId } });
            };
            dialog.close();
            confirm(`Take ${userId} out?`, `${userId} sees nothing of this channel any more.`, "Take out", work);
        };
        const show = () => {
            const members = [...(state.open.get(id)?.members.values() ?? [])];
            list.replaceChildren(...members.map((it) => make("li", {}, make("span", { className: "who", textContent: it.userId === state.userId ? `${it.userId} (you)` : it.userId }), make("span", { className: "soft", textContent: it.role }), mayInvite && it.userId !== state.userId && it.role === "member" &&
                button("Take out", () => remove(it.userId), { "aria-label": `Take ${it.userId} out` }))));
        };
        show();
        const leave = () => {
            dialog.close();
            confirm("Leave this channel?", "You see nothing of it any more.", "Leave", async () => {
                await api.call("POST", "/channels/{id}/leave", { path: { id } });
            });
        };
        const parts = [list];
        if (mayInvite) {
            const user = make("input", { id: "add-user", maxLength: 128, autocomplete: "off", spellcheck: false, required: true });
            const add = async () => {
                const userId = user.value.trim();
                await api.call("PUT", "/channels/{id}/members/{userId}", { path: { id, userId } });
            };
            parts.push(form(dialog, "Add", add, label(user, "Bring in")));
        }
        else {
            parts.push(make("p", { className: "buttons" }, button("Close", dialog.close, { className: "first" })));
        }
        if (channel.kind !== "direct") {
            parts.push(make("p", { className: "buttons" }, button("Leave channel", leave, { className: "danger" })));
        }
        return parts;
    });
}
