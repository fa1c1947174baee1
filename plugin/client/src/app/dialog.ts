// Dialogs: native ones, which keep the keyboard inside and give the focus back.

import { button, make, wrong } from "./dom.js";

export interface Dialog {
  element: HTMLDialogElement;
  close(): void;
  /** Says what went wrong; nothing again with an empty text. */
  problem(text: string): void;
}

let made = 0;

/** Opens a dialog with a title and what `fill` makes for it. */
export function open(title: string, fill: (dialog: Dialog) => (Node | string)[]): Dialog {
  const id = `dialog-${++made}`;
  const problem = make("p", { className: "problem", role: "alert", hidden: true });
  const element = make("dialog", { "aria-labelledby": id }, make("h2", { id, textContent: title }));
  const dialog: Dialog = {
    element,
    close: () => element.close(),
    problem: (text) => {
      problem.textContent = text;
      problem.hidden = text === "";
    },
  };
  element.append(...fill(dialog));
  const buttons = element.querySelector(".buttons");
  if (buttons) buttons.before(problem);
  else element.append(problem);
  element.addEventListener("close", () => element.remove());
  // A click beside it.
  element.addEventListener("click", (event) => {
    if (event.target !== element) return;
    const box = element.getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) element.close();
  });
  document.body.append(element);
  element.showModal();
  return dialog;
}

/** A form whose work may fail: it says so, and stays open. */
export function form(
  dialog: Dialog,
  submit: string,
  work: () => Promise<void>,
  ...children: (Node | string)[]
): HTMLFormElement {
  const first = make("button", { type: "submit", className: "first", textContent: submit });
  const buttons = make("p", { className: "buttons" }, button("Cancel", dialog.close), first);
  const made = make("form", { noValidate: false }, ...children, buttons);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    first.disabled = true;
    dialog.problem("");
    work()
      .then(dialog.close, (cause: unknown) => dialog.problem(wrong(cause)))
      .finally(() => {
        first.disabled = false;
      });
  });
  return made;
}

/** Asks before something that can't be undone. */
export function confirm(title: string, text: string, yes: string, work: () => Promise<void>): void {
  open(title, (dialog) => {
    const made = form(dialog, yes, work, make("p", { textContent: text }));
    return [made];
  });
}
