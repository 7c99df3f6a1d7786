// Changing a thing from the version the reader has seen, and taking the change back while it is fresh.

import { ask, item } from "../core/http.js";
import { fieldOf, card, wording, wordOf } from "../core/labels.js";
import { say } from "../core/page.js";

/** `send` with the tag that was read. When the thing has changed meanwhile, its new state is shown before another try. */
async function changing(layer, feature, send) {
  try {
    return await send(feature.etag ?? `"${feature.properties.version}"`);
  } catch (error) {
    if (error.status === 412) {
      const { data, etag } = await ask(item(layer, feature.id));
      Object.assign(feature, data, { etag });
      error.message = `${error.message} ${say("changed_meanwhile")}`;
    }
    throw error;
  }
}

const post = (layer, feature, etag, to, reason) => ask(item(layer, feature.id, "/moves"), { method: "POST", headers: { "If-Match": etag }, body: { to, reason } });

/** Move a thing one step: `{text, undo}`, where `undo` is null when its card knows no way back. */
export async function move(layer, feature, to, reason) {
  const { status } = card(layer);
  const from = feature.properties[status];
  const { etag } = await changing(layer, feature, (seen) => post(layer, feature, seen, to, reason));
  const back = wordOf(layer, status, to)?.onward.includes(from);
  return { text: say("moved_to", { word: wording(layer, status, to) }), undo: back ? () => post(layer, feature, etag, from, say("undo").toLowerCase()) : null };
}

const PLACE = ["text", "border", "crs", "near", "written"]; // what the doors take of a place in words
const OF_A_PLACE = new Set(["position_source", "accuracy_m"]);
const patch = (layer, feature, etag, body) => ask(item(layer, feature.id), { method: "PATCH", type: "application/geo+json", headers: { "If-Match": etag }, body });

/** Change some properties or the place of a thing: `{text, undo}`. */
export async function amend(layer, feature, body) {
  const before = beforeOf(layer, feature, body);
  const { etag } = await changing(layer, feature, (seen) => patch(layer, feature, seen, body));
  return { text: say("saved"), undo: () => patch(layer, feature, etag, { ...before, reason: say("undo").toLowerCase() }) };
}

/** The body that puts back what `body` changes: values as they were, a place in the words it was given in. */
function beforeOf(layer, { geometry, properties: p }, body) {
  const placed = Boolean(body.geometry || body.properties.place);
  const names = Object.keys(body.properties).filter((name) => fieldOf(layer, name) && !(placed && OF_A_PLACE.has(name)));
  const properties = Object.fromEntries(names.map((name) => [name, p[name] ?? null]));
  if (!placed) return { properties };
  if (p.original?.text) {
    const place = Object.fromEntries(PLACE.filter((name) => p.original[name]).map((name) => [name, p.original[name]]));
    return { properties: { ...properties, place } };
  }
  if (!geometry || p.position_source === "none") return { geometry: null, properties };
  return { geometry: p.original?.geometry ?? geometry, properties: { ...properties, position_source: p.position_source, accuracy_m: p.accuracy_m } };
}
