// Signing in, and asking the gateway each second how it is.

import { Refused, call, signIn, signOut, signedIn } from "./api.js";
import { PluginView } from "./plugin.js";
import { Trail } from "./trail.js";

/** From one question to the next, in milliseconds. */
const EACH = 1_000;

/** Every how many questions the versions and the trail are read again, unasked. */
const SELDOM = 10;

const byId = (id) => document.getElementById(id);

let views = new Map();
let revisions = "";
let timer = null;
let asked = 0;
/** Counts sign-ins and outs, so that a late answer to an earlier one is dropped. */
let session = 0;
const trail = new Trail(byId("trail"), trouble);

/** Only what is new is written: it is read aloud each time. */
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function notice(text) {
  say("notice", text);
  byId("notice").hidden = !text;
}

function enter() {
  session++;
  asked = 0;
  revisions = "";
  views = new Map();
  byId("plugins").replaceChildren();
  byId("sign-in").hidden = true;
  byId("signed-in").hidden = byId("sign-out").hidden = false;
  notice("");
  say("state", "Asking the gateway …");
  ask(session);
}

function leave(text) {
  session++;
  clearTimeout(timer);
  signOut();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  byId("signed-in").hidden = byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  say("state", "");
  notice(text);
  byId("token").value = "";
  byId("token").focus();
}

async function ask(mine) {
  try {
    const plugins = await call("GET", "v1/plugins");
    if (mine !== session) return;
    await show(plugins);
    if (mine !== session) return;
    notice("");
    document.body.classList.remove("stale");
    say("state", "Connected");
  } catch (cause) {
    if (mine !== session) return;
    trouble(cause);
  }
  if (mine === session) timer = setTimeout(ask, EACH, mine);
}

/** Says what went wrong. What was shown stays, and is marked as old. */
function trouble(cause) {
  if (cause instanceof Refused && cause.status === 401) {
    leave("The gateway refuses this token.");
    return;
  }
  document.body.classList.add("stale");
  say("state", "Not connected");
  notice(cause instanceof Refused
    ? `The gateway says: ${cause.message}. Asking again …`
    : `${cause.message} Asking again …`);
}

async function show(plugins) {
  const now = Date.now();
  for (const plugin of plugins) {
    if (!views.has(plugin.name)) {
      views.set(plugin.name, new PluginView(plugin.name, changed));
      byId("plugins").append(views.get(plugin.name).element);
    }
    views.get(plugin.name).show(plugin, now);
  }
  const seen = plugins.map((plugin) => plugin.pointer?.revision).join();
  if (seen !== revisions || asked++ % SELDOM === 0) {
    await reload();
    revisions = seen;
  }
}

async function reload() {
  await Promise.all([...views.values(), trail].map((view) => view.reload()));
}

/** Something was changed from here. */
function changed() {
  reload().catch(trouble);
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(byId("token").value, byId("operator").value);
  byId("token").value = "";
  enter();
});
byId("sign-out").addEventListener("click", () => leave(""));

if (signedIn()) enter();
else leave("");
