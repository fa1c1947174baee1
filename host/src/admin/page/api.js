// The operator's API. The token lives in this tab's session storage and leaves it in a
// header alone, never in an address.

const KEPT = "gateway-operator";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 10_000;

/** The gateway said no, and why; some of its noes come with a report. */
export class Refused extends Error {
  constructor(status, message, report) {
    super(message);
    this.status = status;
    this.report = report;
  }
}

/** Nobody answered. */
export class Gone extends Error {}

let who = read();

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

export function signedIn() {
  return who !== null;
}

export function signIn(token, operator) {
  who = { token: token.trim(), operator: operator.trim() };
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(who));
  } catch {
    // Without storage the token is forgotten at the next load, no more.
  }
}

export function signOut() {
  who = null;
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // Nothing was kept either.
  }
}

/** Calls the API: what it answers, or `Refused`, or `Gone`. */
export async function call(method, path, { query = {}, body, headers = {}, patience = PATIENCE } = {}) {
  const asked = new URLSearchParams(query).toString();
  const all = { authorization: `Bearer ${who?.token ?? ""}`, ...headers };
  if (who?.operator) all["x-operator"] = who.operator;
  let answer;
  let text;
  try {
    answer = await fetch(asked ? `${path}?${asked}` : path, {
      method, body, headers: all, cache: "no-store", credentials: "omit", redirect: "error",
      signal: AbortSignal.timeout(patience),
    });
    text = await answer.text();
  } catch (cause) {
    throw new Gone(cause.name === "TimeoutError"
      ? `The gateway has not answered for ${patience / 1000} s.`
      : "The gateway does not answer.");
  }
  const value = parsed(text);
  if (answer.ok && value !== undefined) return value;
  const error = value?.error ?? {};
  throw new Refused(answer.status, error.message ?? `The gateway answered ${answer.status}.`, error.report);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sends JSON. Checks compile and try a component, which takes its time. */
export function change(path, body) {
  return call("POST", path, {
    body: JSON.stringify(body), headers: { "content-type": "application/json" }, patience: 180_000,
  });
}

/** The address of a plugin in the API. */
export function plugin(name, ...further) {
  return ["v1/plugins", ...[name, ...further].map(encodeURIComponent)].join("/");
}
