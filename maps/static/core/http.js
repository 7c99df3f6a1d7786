// Requests to the server in the page's language: JSON bodies, and errors as problem details (RFC 9457).

import { element } from "./elements.js";
import { language, message, page } from "./page.js";

/** An error response, or no response at all (status 0). Its message is in the page's language. */
class RequestError extends Error {
  /**
   * @param {number} status
   * @param {Problem} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.title || message("refused"));
    this.status = status;
    this.problem = problem;
    /** @type {FieldError[]} */
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
  }
}

/** The CSRF token of the session and the login name; null where there are no accounts. */
export const csrf = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="csrf"]'));

/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [body] Sent as JSON.
 * @property {string} [type] The media type of the body.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/**
 * Send a request; throws a `RequestError` unless it succeeds. If the session has ended, a dialog asks to sign in again,
 * and the request is repeated.
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<{ data: any, etag: string | null, location: string | null, allows: string | null }>}
 */
export async function request(path, options = {}) {
  const response = await send(path, options);
  if (csrf && response.status === 401 && response.headers.has("WWW-Authenticate")) {
    const { reauthenticate } = await import("./reauthenticate.js"); // imported only here, because it is rarely needed
    if (await reauthenticate()) return request(path, options);
  }
  const data = parse(response, await response.text());
  if (!response.ok) throw new RequestError(response.status, data ?? {});
  const { headers } = response;
  return { data, etag: headers.get("ETag"), location: headers.get("Location"), allows: headers.get("Allow") };
}

/**
 * @param {string} path
 * @param {RequestOptions} options
 */
async function send(path, { method = "GET", body, type = "application/json", headers = {}, signal }) {
  const reads = method === "GET";
  try {
    return await fetch(reads ? withPageAsOf(path) : path, {
      method,
      signal,
      headers: {
        "Accept-Language": language,
        ...(reads ? {} : { "X-Device-At": new Date().toISOString() }),
        ...(body === undefined ? {} : { "Content-Type": type }),
        ...(csrf && !reads ? { "X-CSRF-Token": csrf.content } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError(0, { detail: message("offline") });
  }
}

/**
 * @param {Response} response
 * @param {string} text
 */
function parse(response, text) {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(response.status, { detail: message("invalid_response", { status: response.status }) });
  }
}

/**
 * On a page as of a past time, the path with `as_of` if it is a path of features or of what belongs to them, such as
 * their links and history; else the path.
 * @param {string} path
 */
function withPageAsOf(path) {
  if (!page.past) return path;
  const url = new URL(path, location.origin);
  const [root, , , resource] = url.pathname.split("/").slice(1);
  if (root !== "ogc" || resource !== "items") return path;
  url.searchParams.set("as_of", page.past);
  return url.pathname + url.search;
}

/** @param {string} layer */
export const itemsPath = (layer) => `/ogc/collections/${encodeURIComponent(layer)}/items`;

/**
 * The path of a feature or, with `rest`, of one of its resources, such as `/links`.
 * @param {string} layer
 * @param {string} id
 * @param {string} [rest]
 */
export const itemPath = (layer, id, rest = "") => `${itemsPath(layer)}/${encodeURIComponent(id)}${rest}`;

/**
 * A path with query parameters; empty values are left out, lists are joined by commas.
 * @param {string} path
 * @param {Record<string, any>} values
 */
export function withQuery(path, values) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") continue;
    parameters.set(name, Array.isArray(value) ? value.join(",") : value);
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** A new idempotency key, 32 hexadecimal digits. `crypto.randomUUID` would need a secure context. */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Request `path` and fill `list` with the items that `toItems` creates from the data, with the message `empty` if there
 * are none, or with the error.
 * @param {HTMLElement} list
 * @param {string} path
 * @param {(data: any) => Node[]} toItems
 * @param {string} empty
 */
export async function fillList(list, path, toItems, empty) {
  list.replaceChildren(element("li", { className: "quiet" }, message("loading_plain")));
  try {
    const { data } = await request(path);
    const items = toItems(data);
    list.replaceChildren(...(items.length ? items : [element("li", { className: "quiet" }, message(empty))]));
  } catch (error) {
    list.replaceChildren(element("li", { className: "field-fault" }, error.message));
  }
}

/**
 * The elements that show an error: its message, then the error of each field after the field's label. The first field
 * error is left out if the message ends with it.
 * @param {Error & { errors?: FieldError[] }} error
 * @param {Record<string, string>} [labels] The label of each field.
 */
export function errorContent(error, labels = {}) {
  const items = (error.errors ?? [])
    .filter(({ detail }, index) => detail && !(index === 0 && error.message.endsWith(detail)))
    .map(({ field, detail }) => element("li", {}, labels[field] ? `${labels[field]}: ${detail}` : detail));
  const text = element("p", {}, error.message);
  return items.length ? [text, element("ul", {}, ...items)] : [text];
}
