// Where a message is written.

import { type Api, type Message, upload } from "../index.js";
import { announce, button, byId, bytes, make, wrong } from "./dom.js";

interface Chosen {
  file: File;
  /** The attachment, once it is uploaded. */
  id: string | null;
  stop: AbortController;
  item: HTMLLIElement;
}

interface Draft {
  text: string;
  files: Chosen[];
  reply: Message | null;
  edited: Message | null;
}

export interface Written {
  body: string;
  parentMessageId: string | null;
  files: { id: string; name: string; size: number }[];
}

export interface Hands {
  send(written: Written): void;
  edit(message: Message, body: string): Promise<void>;
  typing(on: boolean): void;
  /** The last message of one's own. */
  last(): Message | null;
}

export class Composer {
  readonly #text = byId<HTMLTextAreaElement>("text");
  readonly #files = byId("files");
  readonly #drafts = new Map<string, Draft>();
  #channel = "";
  #draft: Draft = empty();

  constructor(
    readonly api: Api,
    readonly hands: Hands,
    signal: AbortSignal,
  ) {
    const on = { signal };
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    }, on);
    this.#text.addEventListener("keydown", (event) => this.#key(event), on);
    this.#text.addEventListener("input", () => {
      this.#grow();
      hands.typing(this.#text.value.trim() !== "" && this.#draft.edited === null);
    }, on);
    this.#text.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) event.preventDefault();
      this.#add(files);
    }, on);
    const input = byId<HTMLInputElement>("file");
    input.addEventListener("change", () => {
      this.#add([...(input.files ?? [])]);
      input.value = "";
      this.#text.focus();
    }, on);
    const target = byId("conversation");
    target.addEventListener("dragover", (event) => event.preventDefault(), on);
    target.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.#channel !== "") this.#add([...(event.dataTransfer?.files ?? [])]);
    }, on);
    byId("reply-cancel").addEventListener("click", () => this.#cancel(), on);
  }

  /** Shows what was begun for a channel, or nothing. */
  open(channel: string): void {
    this.#draft.text = this.#text.value;
    if (this.#channel !== "") this.#drafts.set(this.#channel, this.#draft);
    this.#channel = channel;
    this.#draft = this.#drafts.get(channel) ?? empty();
    this.#show();
  }

  focus(): void {
    this.#text.focus();
  }

  reply(message: Message): void {
    this.#leaveEdit();
    this.#draft.reply = message;
    this.#show();
    this.#text.focus();
  }

  edit(message: Message): void {
    this.#draft.reply = null;
    this.#draft.edited = message;
    this.#draft.text = message.body;
    this.#show();
    this.#text.focus();
    this.#text.setSelectionRange(message.body.length, message.body.length);
  }

  /** Throws away all that was begun. */
  clear(): void {
    for (const draft of [...this.#drafts.values(), this.#draft]) {
      for (const one of draft.files) one.stop.abort();
    }
    this.#drafts.clear();
    this.#channel = "";
    this.#draft = empty();
    this.#show();
  }

  #show(): void {
    const { text, files, reply, edited } = this.#draft;
    this.#text.value = text;
    this.#files.replaceChildren(...files.map((it) => it.item));
    this.#files.hidden = files.length === 0;
    const about = edited ?? reply;
    byId("reply").hidden = about === null;
    byId("reply-text").textContent = edited
      ? "Editing your message"
      : reply ? `Reply to ${reply.createdBy}: ${reply.body}` : "";
    byId("send").textContent = edited ? "Save" : "Send";
    this.#problem("");
    this.#grow();
  }

  #problem(text: string): void {
    byId("problem").textContent = text;
    byId("problem").hidden = text === "";
  }

  #grow(): void {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight + 2}px`;
  }

  #key(event: KeyboardEvent): void {
    // Enter also takes what an input method offers.
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape") {
      this.#cancel();
    } else if (event.key === "ArrowUp" && this.#text.value === "" && this.#draft.files.length === 0) {
      const last = this.hands.last();
      if (last) {
        event.preventDefault();
        this.edit(last);
      }
    }
  }

  #cancel(): void {
    this.#leaveEdit();
    this.#draft.reply = null;
    this.#draft.text = this.#text.value;
    this.#show();
    this.#text.focus();
  }

  #leaveEdit(): void {
    if (this.#draft.edited) {
      this.#draft.edited = null;
      this.#text.value = "";
      this.#draft.text = "";
    } else {
      this.#draft.text = this.#text.value;
    }
  }

  #submit(): void {
    const text = this.#text.value.trim();
    const { edited, reply, files } = this.#draft;
    if (edited) {
      if (text === "" || text === edited.body) return this.#cancel();
      this.hands.edit(edited, text).catch((cause: unknown) => this.#problem(wrong(cause)));
      return this.#cancel();
    }
    if (files.some((it) => it.id === null)) {
      return this.#problem("A file is not uploaded yet. Wait for it, or take it out.");
    }
    if (text === "" && files.length === 0) return;
    const sent = files.flatMap(({ id, file }) => (id === null ? [] : [{ id, name: file.name, size: file.size }]));
    this.hands.send({
      // A message has a text.
      body: text === "" ? sent.map((it) => it.name).join(", ") : text,
      parentMessageId: reply?.id ?? null,
      files: sent,
    });
    this.#draft = empty();
    this.#show();
    this.hands.typing(false);
  }

  #add(files: File[]): void {
    for (const file of files) this.#upload(file, this.#channel, this.#draft);
  }

  #upload(file: File, channel: string, draft: Draft): void {
    const item = make("li");
    const chosen: Chosen = { file, id: null, stop: new AbortController(), item };
    draft.files.push(chosen);
    const progress = make("progress", { max: Math.max(1, file.size), value: 0, "aria-label": `Upload of ${file.name}` });
    const label = make("span", { className: "filename", textContent: `${file.name}, ${bytes(file.size)}`, title: file.name });
    const out = button("×", () => {
      chosen.stop.abort();
      draft.files = draft.files.filter((it) => it !== chosen);
      if (draft === this.#draft) {
        this.#draft.text = this.#text.value;
        this.#show();
        this.#text.focus();
      }
    }, { className: "icon", "aria-label": `Take ${file.name} out` });
    item.append(label, out, progress);
    this.#files.append(item);
    this.#files.hidden = false;
    const told = (sent: number) => {
      progress.value = sent;
    };
    upload(this.api, channel, file, { progress: told, signal: chosen.stop.signal }).then(
      ({ id }) => {
        chosen.id = id;
        progress.remove();
        announce(`${file.name} is uploaded.`);
        if (draft === this.#draft) this.#problem("");
      },
      (cause: unknown) => {
        if (chosen.stop.signal.aborted) return;
        progress.remove();
        item.append(make("p", { className: "bad", role: "alert", textContent: wrong(cause) }));
      },
    );
  }
}

function empty(): Draft {
  return { text: "", files: [], reply: null, edited: null };
}
