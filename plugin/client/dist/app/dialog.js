// Dialogs: native ones, which keep the keyboard inside and give the focus back.
import { button, make, wrong } from "./dom.js";
let made = 0;
/** Opens a dialog with a title and what `fill` makes for it. */
export function open(title, fill) {
    const id = `dialog-${++made}`;
    const problem = make("p", { className: "problem", role: "alert", hidden: true });
    const element = make("dialog", { "aria-labelledby": id }, make("h2", { id, textContent: title }));
    const dialog = {
        element,
        close: () => element.close(),
        problem: (text) => {
            problem.textContent = text;
            problem.hidden = text === "";
        },
    };
    element.append(...fill(dialog));
    const buttons = element.querySelector(".buttons");
    if (buttons)
        buttons.before(problem);
    else
        element.append(problem);
    element.addEventListener("close", () => element.remove());
    // A click beside it.
    element.addEventListener("click", (event) => {
        if (event.target !== element)
            return;
        const box = element.getBoundingClientRect();
        const { clientX: x, clientY: y } = event;
        if (x < box.left || x > box.right || y < box.top || y > box.bottom)
            element.close();
    });
    document.body.append(element);
    element.showModal();
    return dialog;
}
/** A form whose work may fail: it says so, and stays open. */
export function form(dialog, submit, work, ...children) {
    const first = make("button", { type: "submit", className: "first", textContent: submit });
    const buttons = make("p", { className: "buttons" }, button("Cancel", dialog.close), first);
    const made = make("form", { noValidate: false }, ...children, buttons);
    made.addEventListener("submit", (event) => {
        event.preventDefault();
        first.disabled = true;
        dialog.problem("");
        work()
            .then(dialog.close, (cause) => dialog.problem(wrong(cause)))
            .finally(() => {
            first.disabled = false;
        });
    });
    return made;
}
/** Asks before something that can't be undone. */
export function confirm(title, text, yes, work) {
    open(title, (dialog) => {
        const made = form(dialog, yes, work, make("p", { textContent: text }));
        return [made];
    });
}
