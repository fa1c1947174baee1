// What changes something: each asks first, and shows what the check found.

import { Gone, call, change, plugin as at } from "./api.js";
import { make, percent } from "./dom.js";
import { report } from "./report.js";

/** How long a component may take to arrive and be checked, in milliseconds. */
const UPLOAD = 300_000;

/** A dialog with a place for its outcome, and a button that does it. */
class Question {
  #outcome = make("div", { className: "outcome", role: "status" });
  #content;
  #act;
  #close = make("button", { type: "button", className: "second", textContent: "Cancel" });

  constructor({ title, content, act, danger = false, further = [], changed }) {
    this.changed = changed;
    this.#act = make("button", { type: "submit", className: danger ? "danger" : "", textContent: act });
    this.#close.addEventListener("click", () => this.dialog.close());
    this.#content = make("div", {}, content);
    this.form = make("form", { method: "dialog" }, this.#content, this.#outcome,
      make("p", { className: "buttons" }, further, this.#act, this.#close));
    this.dialog = make("dialog", { "aria-labelledby": "dialog-title" },
      make("h2", { id: "dialog-title", textContent: title }), this.form);
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  /** What happens when the button is pressed. */
  onAct(work) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      work();
    });
  }

  allow(allowed) {
    this.#act.disabled = !allowed;
  }

  /** Runs `work` and shows its report, or why there is none; whether it went well. */
  async run(doing, work) {
    this.#busy(true);
    this.#outcome.replaceChildren(make("p", { className: "soft", textContent: doing }));
    try {
      const answer = await work();
      this.#outcome.replaceChildren(...(answer.report ? [report(answer.report)] : []));
      return answer;
    } catch (refusal) {
      const message = refusal instanceof Gone
        ? `${refusal.message} Whether it happened, the versions will tell.` : refusal.message;
      // The report says the same, and more.
      this.#outcome.replaceChildren(refusal.report
        ? report(refusal.report) : make("p", { className: "bad", textContent: message }));
      return null;
    } finally {
      this.#busy(false);
    }
  }

  /** The same for what changes something; afterwards the dialog only tells. */
  async commit(doing, done, work) {
    const answer = await this.run(doing, work);
    this.changed();
    if (!answer) return;
    this.#outcome.prepend(make("p", { className: "good", textContent: done(answer) }));
    for (const button of this.form.querySelectorAll(".buttons button")) {
      if (button !== this.#close) button.remove();
    }
    this.#content.hidden = true;
    this.#close.textContent = "Close";
    this.#close.focus();
  }

  #busy(busy) {
    this.form.ariaBusy = String(busy);
    this.#content.inert = busy;
    for (const button of this.form.querySelectorAll("button")) {
      if (button !== this.#close) button.disabled = busy;
    }
  }
}

let fields = 0;

/** A labelled field. */
function field(label, input, help) {
  input.id = `field-${++fields}`;
  const parts = [make("label", { for: input.id, textContent: label }), input];
  if (help) {
    const id = `${input.id}-help`;
    input.setAttribute("aria-describedby", id);
    parts.push(make("p", { id, className: "soft", textContent: help }));
  }
  return make("div", {}, parts);
}

function choice(type, name, label, checked = false) {
  const input = make("input", { type, name, checked });
  return [input, make("label", { className: "inline" }, input, label)];
}

export function deploy(plugin, changed) {
  const file = make("input", { type: "file", accept: ".wasm,application/wasm", required: true });
  const version = make("input", { placeholder: "as the component says", maxLength: 100 });
  const note = make("textarea", { maxLength: 2000 });
  const signature = make("input", { pattern: "[A-Za-z0-9+/=_\\-]*", title: "base64" });
  const [serve, serveLabel] = choice("checkbox", "activate", "Let it serve all of the traffic at once");
  const check = make("button", { type: "button", className: "second", textContent: "Check" });
  const question = new Question({
    title: `Deploy a version of ${plugin.name}`, act: "Deploy", changed, further: [check],
    content: [
      field("Component", file, "It can be deployed once it has been checked."),
      make("div", { className: "fields" },
        field("Version", version),
        field("Signature", signature, "Ed25519, in base64; where the gateway asks for one.")),
      field("Note", note),
      serveLabel,
    ],
  });
  // What was checked and nothing else is deployed: another choice asks for another check,
  // and a file that changed meanwhile has another digest.
  let digest = null;
  const forget = () => {
    digest = null;
    question.allow(false);
  };
  for (const input of [file, version, signature]) input.addEventListener("input", forget);
  forget();
  const send = (query) => call("POST", at(plugin.name, "versions"), {
    query: { ...query, ...(version.value.trim() ? { version: version.value.trim() } : {}), note: note.value },
    headers: {
      "content-type": "application/wasm",
      ...(signature.value ? { signature: signature.value } : {}),
    },
    body: file.files[0], patience: UPLOAD,
  });
  check.addEventListener("click", async () => {
    if (!question.form.reportValidity()) return;
    const answer = await question.run("Checking …", () => send({ dry_run: "true" }));
    digest = answer?.report.digest ?? null;
    question.allow(digest !== null);
  });
  question.onAct(async () => {
    if (digest === null) return;
    const query = { digest, activate: String(serve.checked) };
    await question.commit("Deploying …",
      ({ deployment, pointer }) => (pointer
        ? `Version ${deployment.version} is deployed and serves.`
        : `Version ${deployment.version} is deployed. Nothing else changed.`),
      () => send(query));
  });
}

export function activate(plugin, version, changed) {
  const active = plugin.pointer?.active;
  const [all, allLabel] = choice("radio", "share", "All of it", true);
  const [part, partLabel] = choice("radio", "share", "A part of it, beside the version that serves");
  const share = make("input", { type: "number", min: 0.01, max: 99.99, step: "any", value: "5" });
  const steps = make("input", {
    placeholder: "25, 50, 100", pattern: "[0-9., ]*", title: "numbers with commas between them",
  });
  const minutes = make("input", { type: "number", min: 0, max: 43200, step: "any", value: "5" });
  const [sticky, stickyLabel] = choice("checkbox", "sticky", "A caller always gets the same version", true);
  const detail = make("fieldset", { hidden: true, disabled: true },
    make("legend", { textContent: "The part" }),
    make("div", { className: "fields" },
      field("Percent", share),
      field("Then, step by step", steps, "Percents; 100 at the end to take over by itself."),
      field("Minutes a step", minutes)),
    stickyLabel,
    make("p", { className: "soft", textContent:
      "More failures or a longer tail than beside it take it back by itself." }));
  for (const input of [all, part]) {
    input.addEventListener("change", () => {
      detail.hidden = detail.disabled = !part.checked;
    });
  }
  const question = new Question({
    title: `Activate version ${version} of ${plugin.name}`, act: "Activate", changed,
    content: [
      make("fieldset", {}, make("legend", { textContent: "Traffic" }), allLabel, active ? partLabel : null),
      detail,
    ],
  });
  const path = at(plugin.name, "activate");
  question.run("Checking …", () => change(path, { version, dry_run: true }))
    .then((answer) => question.allow(answer !== null));
  question.onAct(() => {
    const plan = { version };
    if (part.checked) {
      plan.percent = Number(share.value);
      plan.sticky = sticky.checked;
      plan.steps = steps.value.split(/[\s,]+/).filter(Boolean).map(Number);
      plan.step_seconds = Number(minutes.value) * 60;
    }
    question.commit("Activating …",
      ({ pointer }) => (pointer.canary
        ? `Version ${version} gets ${percent(pointer.canary.share / 100)} of the traffic.`
        : `Version ${version} serves.`),
      () => change(path, plan));
  });
}

export function rollBack(plugin, changed) {
  const { active, previous, canary } = plugin.pointer;
  const reason = make("input", { maxLength: 500 });
  const question = new Question({
    title: `Roll ${plugin.name} back`, act: "Roll back", danger: true, changed,
    content: [
      make("p", { textContent: canary
        ? `Version ${canary.version} loses its ${percent(canary.share / 100)}, and version ${active} serves all.`
        : `Version ${previous} serves again, in place of version ${active}.` }),
      canary ? field("Why, for the record", reason) : null,
    ],
  });
  if (!canary) {
    question.run("Checking …", () => change(at(plugin.name, "activate"), { version: previous, dry_run: true }))
      .then((answer) => question.allow(answer !== null));
  }
  question.onAct(() => question.commit("Rolling back …",
    ({ pointer }) => `Version ${pointer.active} serves.`,
    () => change(at(plugin.name, "rollback"), { reason: reason.value })));
}

export function remove(plugin, version, changed) {
  const question = new Question({
    title: `Remove version ${version} of ${plugin.name}`, act: "Remove", danger: true, changed,
    content: make("p", { textContent: "Its component is deleted. It can be deployed again from its file." }),
  });
  question.onAct(() => question.commit("Removing …",
    () => `Version ${version} is removed.`,
    () => call("DELETE", at(plugin.name, "versions", version))));
}
