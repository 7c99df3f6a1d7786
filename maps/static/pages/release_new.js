// The page that prepares a release: its layers, their filters and fields, and the decimals of coordinates.

import { enhanceDayFields } from "../core/date_text.js";
import { all, byId } from "../core/elements.js";
import { idempotencyKey, request } from "../core/http.js";
import { message, page } from "../core/page.js";
import { submitAsJson } from "../forms/page_form.js";

const labels = {
  name: message("release_name"),
  recipient: message("recipient"),
  document: message("basis_document"),
  basis: message("basis"),
  valid_from: message("valid_from"),
  valid_to: message("valid_to"),
  note: message("release_note"),
  parts: message("release_contents"),
};

const form = byId("release", HTMLFormElement);
const key = idempotencyKey(); // one for the page, so that a second press prepares no second release
enhanceDayFields(form);
submitAsJson(form, prepare, labels);

/** @param {Record<string, any>} values */
async function prepare(values) {
  const parts = all("[data-layer]", { root: form }).map(partOf);
  const { data } = await send({ ...values, parts: parts.filter((part) => part !== null) });
  location.assign(`/releases/${data.id}`);
}

/**
 * Replace a draft, create the next version of a release, or create a release.
 * @param {object} body
 */
function send(body) {
  if (page.tag) {
    const path = `/api/releases/${page.before}/versions/${page.number}`;
    return request(path, { method: "PUT", headers: { "If-Match": page.tag }, body });
  }
  const path = page.before ? `/api/releases/${page.before}/versions` : "/api/releases";
  return request(path, { method: "POST", headers: { "Idempotency-Key": key }, body });
}

/**
 * A layer of the release, or null if none of its fields is checked. Its filter has the form of a URL's query.
 * @param {HTMLElement} root
 */
function partOf(root) {
  const checked = all('[type="checkbox"]:checked', { root, kind: HTMLInputElement });
  if (!checked.length) return null;
  const [filter] = all("[data-filter]", { root, kind: HTMLInputElement });
  const [decimals] = all("[data-decimals]", { root, kind: HTMLInputElement });
  return {
    layer: root.dataset.layer,
    filter: parseFilter(filter.value),
    fields: checked.map(({ value }) => value),
    decimals: decimals?.value ? Number(decimals.value) : null,
  };
}

/**
 * The parameters in a query string; a repeated name gives a list.
 * @param {string} text
 */
function parseFilter(text) {
  /** @type {Record<string, string | string[]>} */
  const filter = {};
  for (const [name, value] of new URLSearchParams(text.trim().replace(/^\?/, ""))) {
    filter[name] = name in filter ? [filter[name], value].flat() : value;
  }
  return filter;
}
