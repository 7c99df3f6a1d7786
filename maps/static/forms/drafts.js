// What has been entered in forms and not yet sent, in IndexedDB, so that neither a reload nor an empty battery loses it.
//
// Database `cotmoc`, version 1, object store `drafts` with the key path `key`. A draft is a request that can be sent
// later as it is, for example when the network is back:
//
//   key              `{layer}/{id or new}/{tab}`, where `tab` is the id of the browser tab that wrote it
//   layer, id        the feature; `id` is null for a new one
//   base_version     the ETag of the version on which the change is based, for `If-Match`; null for a new feature
//   method, path     `POST` and the items, or `PATCH` and the feature
//   body             the GeoJSON body
//   idempotency_key  for `Idempotency-Key` of a POST
//   complete         whether the form had no fault when it was stored; only such a draft may be sent
//   inputs, place    the texts of the inputs and the position as they were entered, to fill in the form again
//   owner            the login name of who entered it; null where there are no accounts
//   updated_at       RFC 3339
//
// A draft is deleted when it has been sent or discarded, and all are when somebody signs out.

import { csrf } from "../core/http.js";

const STORE = "drafts";

/**
 * @typedef {object} Draft
 * @property {string} key
 * @property {string} layer
 * @property {string | null} id
 * @property {string | null} base_version
 * @property {"POST" | "PATCH"} method
 * @property {string} path
 * @property {object} body
 * @property {string} idempotency_key
 * @property {boolean} complete
 * @property {Record<string, string>} inputs
 * @property {{ text: string, border: string | null, position: Position | null } | null} place
 * @property {string | null} owner
 * @property {string} updated_at
 */

/** The login name of the person on the page. */
const owner = () => csrf?.dataset.name ?? null;

/** The id of this browser tab, which a reload keeps. */
function tabId() {
  let id = sessionStorage.getItem("tab");
  if (!id) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("tab", id);
  }
  return id;
}

/**
 * The key of the draft of a feature, or of a new one, in this tab.
 * @param {string} layer
 * @param {string | null} id
 */
export const draftKey = (layer, id) => `${layer}/${id ?? "new"}/${tabId()}`;

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("cotmoc", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

/**
 * Run one request on the store. A browser without storage, such as one in a private window, keeps no drafts.
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} start
 * @returns {Promise<any>}
 */
async function withStore(mode, start) {
  try {
    const database = await openDatabase();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asking = start(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asking.result);
      transaction.onabort = () => reject(transaction.error);
    }).finally(() => database.close());
  } catch {
    return null;
  }
}

/** @param {Omit<Draft, "owner" | "updated_at">} draft */
export const storeDraft = (draft) =>
  withStore("readwrite", (store) => store.put({ ...draft, owner: owner(), updated_at: new Date().toISOString() }));

/** @param {string} key */
export const deleteDraft = (key) => withStore("readwrite", (store) => store.delete(key));

/** Delete all drafts. */
export const clearDrafts = () => withStore("readwrite", (store) => store.clear());

/**
 * All drafts of this person, the latest first.
 * @returns {Promise<Draft[]>}
 */
export async function draftsOfPerson() {
  /** @type {Draft[]} */
  const drafts = (await withStore("readonly", (store) => store.getAll())) ?? [];
  return drafts.filter((draft) => draft.owner === owner()).sort((a, b) => b.updated_at.localeCompare(a.updated_at));
}

/**
 * The latest draft of this person for a feature, or for a new one, also that of a tab that was closed; null if there is
 * none. It is moved to this tab.
 * @param {string} layer
 * @param {string | null} id
 * @returns {Promise<Draft | null>}
 */
export async function takeDraft(layer, id) {
  const drafts = await draftsOfPerson();
  const latest = drafts.find((draft) => draft.layer === layer && draft.id === id);
  if (!latest) return null;
  const key = draftKey(layer, id);
  if (latest.key !== key) {
    await deleteDraft(latest.key);
    await storeDraft({ ...latest, key });
  }
  return { ...latest, key };
}
