// How the page speaks to the server: JSON both ways, refusals kept whole, in the reader's language.

import { h, language, page, say } from "./page.js";

/** A refusal: its words, and which field is at fault. Never swallowed, always shown where it arose. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || say("refused"));
    this.status = status;
    this.problem = problem;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
  }
}

// Who is signed in, with the token that every write brings; null while there are no accounts.
export const badge = document.querySelector('meta[name="csrf"]');

/** Ask and give back `{data, etag, location, allows}`; throws a Refusal. Who has been signed out meanwhile signs in and goes on. */
export async function ask(path, asked = {}) {
  const { method = "GET", body, type = "application/json", headers = {}, signal } = asked;
  let answer;
  try {
    answer = await fetch(method === "GET" ? atMoment(path) : path, {
      method,
      signal,
      headers: {
        "Accept-Language": language,
        ...(method === "GET" ? {} : { "X-Device-At": new Date().toISOString() }),
        ...(body === undefined ? {} : { "Content-Type": type }),
        ...(badge && method !== "GET" ? { "X-CSRF-Token": badge.content } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: say("offline") });
  }
  if (badge && answer.status === 401 && answer.headers.has("WWW-Authenticate")) {
    const { signInAgain } = await import("./reauthenticate.js");
    if (await signInAgain()) return ask(path, asked);
  }
  const text = await answer.text();
  let data = null;
  if (text) {
    try {
      data = JSON.parse(text);
    } catch {
      throw new Refusal(answer.status, { detail: say("not_an_answer", { status: answer.status }) });
    }
  }
  if (!answer.ok) throw new Refusal(answer.status, data ?? {});
  return { data, etag: answer.headers.get("ETag"), location: answer.headers.get("Location"), allows: answer.headers.get("Allow") };
}

/** On a page that looks back things are asked for as they stood then, and so are their links, events, steps and timeline. */
function atMoment(path) {
  if (!page.past || !/^\/ogc\/collections\/[^/]+\/items(\/[0-9a-f-]{36}(\/(links|events|steps|history))?)?(\?|$)/.test(path)) return path;
  return `${path}${path.includes("?") ? "&" : "?"}as_of=${encodeURIComponent(page.past)}`;
}

export const collection = (layer) => `/ogc/collections/${encodeURIComponent(layer)}/items`;
export const item = (layer, id, rest = "") => `${collection(layer)}/${encodeURIComponent(id)}${rest}`;

/** A path with its query; empty values are left out. */
export function query(path, values) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") parts.set(name, Array.isArray(value) ? value.join(",") : value);
  }
  const text = parts.toString();
  return text ? `${path}?${text}` : path;
}

/** A key that makes a repeated send of the same form harmless; works without a secure context too. */
export function sendingKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask `path` and put what `rows` makes of the answer into `list`; a refusal is shown in its place. */
export async function fill(list, path, rows, empty) {
  list.replaceChildren(h("li", { className: "quiet" }, say("loading_plain")));
  try {
    const { data } = await ask(path);
    const lines = rows(data);
    list.replaceChildren(...(lines.length ? lines : [h("li", { className: "quiet" }, say(empty))]));
  } catch (error) {
    list.replaceChildren(h("li", { className: "field-fault" }, error.message));
  }
}

/** A refusal as the reader sees it: the reason, and each field at fault by its label. */
export function explained(error, labels = {}) {
  const list = (error.errors ?? [])
    .filter((fault, place) => fault.detail && !(place === 0 && error.message.endsWith(fault.detail))) // told by the reason
    .map((fault) => h("li", {}, labels[fault.field] ? `${labels[fault.field]}: ${fault.detail}` : fault.detail));
  return [h("p", {}, error.message), list.length ? h("ul", {}, ...list) : null].filter(Boolean);
}
