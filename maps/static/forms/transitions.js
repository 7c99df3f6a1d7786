// Changes of a feature, with the ETag of the version that the reader has seen: transitions of its status and updates of
// other values. Both can be undone.

import { itemPath, request } from "../core/http.js";
import { codeOf, codeTitle, fieldOf, layerCard, statusOf } from "../core/layer_cards.js";
import { message } from "../core/page.js";

/**
 * Send a change with the ETag that was read. If the feature has been changed since (412), it is read again, so that the
 * next attempt has the new ETag.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(etag: string) => Promise<{ data: any, etag: string | null }>} send
 */
async function sendFromVersion(layer, feature, send) {
  try {
    return await send(feature.etag ?? `"${feature.properties.version}"`);
  } catch (error) {
    if (error.status === 412) {
      const { data, etag } = await request(itemPath(layer, feature.id));
      Object.assign(feature, data, { etag });
      error.message = `${error.message} ${message("changed_meanwhile")}`;
    }
    throw error;
  }
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {string | null} etag
 * @param {string} to
 * @param {string} reason
 */
const sendTransition = (layer, feature, etag, to, reason) =>
  request(itemPath(layer, feature.id, "/moves"), {
    method: "POST",
    headers: { "If-Match": etag ?? "" },
    body: { to, reason },
  });

/**
 * Change the status of a feature. The outcome has an undo if the layer card allows the transition back.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {string} to
 * @param {string} reason
 * @returns {Promise<Outcome>}
 */
export async function changeStatus(layer, feature, to, reason) {
  const { status } = layerCard(layer);
  const from = statusOf(layer, feature);
  const { etag } = await sendFromVersion(layer, feature, (tag) => sendTransition(layer, feature, tag, to, reason));
  const reversible = codeOf(layer, status, to)?.onward.includes(from);
  const undo = () => sendTransition(layer, feature, etag, from, undoReason());
  return { text: message("status_updated", { status: codeTitle(layer, status, to) }), undo: reversible ? undo : null };
}

const undoReason = () => message("undo").toLowerCase();

/** @typedef {{ geometry?: GeoJSON.Geometry | null, reason?: string, properties: Properties }} Changes */

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {string | null} etag
 * @param {Changes} body
 */
const sendUpdate = (layer, feature, etag, body) =>
  request(itemPath(layer, feature.id), {
    method: "PATCH",
    type: "application/geo+json",
    headers: { "If-Match": etag ?? "" },
    body,
  });

/**
 * Change properties or the position of a feature.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {Changes} changes
 * @returns {Promise<Outcome>}
 */
export async function updateFeature(layer, feature, changes) {
  const before = inverseOf(layer, feature, changes);
  const { data, etag } = await sendFromVersion(layer, feature, (tag) => sendUpdate(layer, feature, tag, changes));
  Object.assign(feature, data, { etag }); // for a transition that follows
  const undo = () => sendUpdate(layer, feature, etag, { ...before, reason: undoReason() });
  return { text: message("saved"), undo };
}

const PLACE_PARTS = ["text", "border", "crs", "near", "written"]; // of a location as text, in a request body
const POSITION_FIELDS = new Set(["position_source", "accuracy_m"]);

/**
 * The changes that undo `changes`: the previous values, and the previous position as it was entered.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {Changes} changes
 * @returns {Changes}
 */
function inverseOf(layer, { geometry, properties: p }, changes) {
  const moved = Boolean(changes.geometry || changes.properties.place);
  const names = Object.keys(changes.properties).filter(
    (name) => fieldOf(layer, name) && !(moved && POSITION_FIELDS.has(name)),
  );
  const properties = Object.fromEntries(names.map((name) => [name, p[name] ?? null]));
  if (!moved) return { properties };
  if (p.original?.text) {
    const parts = PLACE_PARTS.filter((name) => p.original[name]);
    const place = Object.fromEntries(parts.map((name) => [name, p.original[name]]));
    return { properties: { ...properties, place } };
  }
  if (!geometry || p.position_source === "none") return { geometry: null, properties };
  const { position_source, accuracy_m } = p;
  return { geometry: p.original?.geometry ?? geometry, properties: { ...properties, position_source, accuracy_m } };
}
