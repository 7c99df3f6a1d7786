// The form of a feature, generated from its layer card: for a new feature with its position, for the fields of an
// existing feature, or for its position alone. What is entered is stored as a draft until it has been sent.

import { debounce } from "../core/debounce.js";
import { confirmDialog } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { formatMoment } from "../core/format.js";
import { idempotencyKey, itemPath, itemsPath, request } from "../core/http.js";
import { titleOf } from "../core/labels.js";
import { displayOf, fieldLabel, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { AddressInput } from "./address_input.js";
import { conflictNotice } from "./conflict.js";
import { deleteDraft, draftKey, storeDraft, takeDraft } from "./drafts.js";
import {
  fieldControl,
  focusFirstFault,
  isSameValue,
  readControls,
  showFieldErrors,
  submitButton,
} from "./feature_inputs.js";
import { reasonField } from "./field_dialog.js";
import { updateFeature } from "./transitions.js";

// Fields without an input: the position has its own control, and the level is changed with its own rule.
const WITHOUT_INPUT = new Set(["place", "geom", "geometry", "level", "position_source", "accuracy_m"]);

/**
 * @typedef {object} FormOptions
 * @property {LayerFeature | null} [feature] The feature to change; none for a new one.
 * @property {boolean} [positionOnly]
 * @property {Properties} [initial] The first values of a new feature.
 * @property {boolean} [storesDraft]
 * @property {(id: string, outcome?: Outcome) => unknown} onSaved
 * @property {() => unknown} onCancel
 */

/**
 * The form, and a function that removes its drawing from the map and its listeners.
 * @param {string} layer
 * @param {L.Map | null} map Without a map a position is entered as text or by GPS.
 * @param {FormOptions} options
 */
export function featureForm(layer, map, options) {
  const built = new FeatureForm(layer, map, options);
  return { form: built.form, remove: () => built.remove(), hasChanges: () => built.isChanged };
}

class FeatureForm {
  isChanged = false;

  /** The key of a new feature, so that sending a draft again creates no second one. */
  key = idempotencyKey();

  /**
   * @param {string} layer
   * @param {L.Map | null} map
   * @param {FormOptions} options
   */
  constructor(layer, map, options) {
    const { feature = null, positionOnly = false, initial = {}, storesDraft = true } = options;
    const card = layerCard(layer);
    this.layer = layer;
    this.options = options;
    this.feature = feature;
    this.positionOnly = positionOnly;
    this.storesDraft = storesDraft && !positionOnly;
    /** @type {Properties} The values that the person has seen, from which changes are told. */
    this.base = { ...feature?.properties };
    this.fields = positionOnly ? [] : card.fields.filter((field) => hasInput(card, field));
    this.controls = this.fields.map((field) => fieldControl(field, (feature ? this.base : initial)[field.name]));
    const movesPosition = Boolean(positionOnly && feature?.geometry && this.base.position_source !== "none");
    this.reason = feature ? fieldControl(reasonField(movesPosition)) : null;
    this.notice = element("div", { className: "draft-notice", role: "status", hidden: true });
    this.summary = element("div", { className: "refusal", role: "alert", tabindex: "-1", hidden: true });
    this.submit = submitButton(message("save"));
    const placeRoot =
      card.geometry && (!feature || positionOnly) ? element("div", { className: "place-control" }) : null;
    const cancel = { className: "button", type: "button", onclick: () => this.cancel() };
    this.form = element(
      "form",
      { className: "form feature-form", novalidate: true },
      element("h2", {}, formTitle(layer, feature, positionOnly)),
      this.summary,
      this.notice,
      placeRoot && element("p", { className: "field-title" }, message("place_of")),
      placeRoot,
      ...this.controls.map(({ row }) => row),
      this.reason?.row,
      element(
        "div",
        { className: "form-foot" },
        this.submit,
        element("button", cancel, message("cancel")),
        element("span", { className: "quiet" }, message("required_hint")),
      ),
    );
    this.place = placeRoot
      ? new AddressInput(placeRoot, map, {
          title: message("place_of"),
          border: feature?.properties.border ?? null,
          onChange: () => this.form.dispatchEvent(new Event("input")),
        })
      : null;
    this.form.addEventListener("input", () => {
      this.isChanged = true;
      this.#storeLater();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.onUnload = (/** @type {Event} */ event) => {
      if (this.isChanged && this.form.isConnected) event.preventDefault();
    };
    addEventListener("beforeunload", this.onUnload);
    if (this.storesDraft) this.restoreDraft();
  }

  remove() {
    this.isChanged = false;
    this.place?.remove();
    removeEventListener("beforeunload", this.onUnload);
  }

  /** Leave the form; asks first if something has been entered. */
  async cancel() {
    if (this.isChanged && !(await confirmDialog(message("discard_question"), message("discard")))) return;
    this.#forgetDraft();
    this.remove();
    this.options.onCancel();
  }

  /** Send what this person has changed, unless something is at fault. */
  async save() {
    this.summary.hidden = true;
    const controls = this.#allControls();
    const { values, faulty } = readControls(controls);
    const position = this.place?.value() ?? null;
    if (this.positionOnly && !position) return this.place?.showError(message("place_missing"));
    if (faulty.length) return this.#showFaults();
    this.submit.disabled = true;
    try {
      const [id, outcome] = this.feature ? await this.#update(values, position) : await this.#create(values, position);
      this.#forgetDraft();
      this.remove();
      await this.options.onSaved(id, outcome);
    } catch (error) {
      this.#showError(error);
    } finally {
      this.submit.disabled = false;
    }
  }

  #allControls() {
    return this.reason ? [...this.controls, this.reason] : this.controls;
  }

  /**
   * The values that this person has changed; of a new feature, all that are not empty.
   * @param {Properties} values
   */
  #changedValues(values) {
    const changed = this.fields.filter((field) => {
      if (!(field.name in values)) return false;
      return this.feature
        ? !isSameValue(field, values[field.name], this.base[field.name])
        : values[field.name] !== null;
    });
    return Object.fromEntries(changed.map(({ name }) => [name, values[name]]));
  }

  /**
   * @param {Properties} values
   * @param {PositionInput | null} position
   */
  #bodyOf(values, position) {
    const { geometry = null, ...positionProperties } = position ?? {};
    const properties = { ...this.#changedValues(values), ...positionProperties };
    if (!this.feature) return { type: "Feature", geometry, properties };
    const reason = this.reason?.text().trim();
    return { ...(geometry ? { geometry } : {}), ...(reason ? { reason } : {}), properties };
  }

  /**
   * @param {Properties} values
   * @param {PositionInput | null} position
   * @returns {Promise<[string, Outcome | undefined]>}
   */
  async #create(values, position) {
    const { data, location } = await request(itemsPath(this.layer), {
      method: "POST",
      type: "application/geo+json",
      headers: { "Idempotency-Key": this.key },
      body: this.#bodyOf(values, position),
    });
    return [data?.id ?? location?.split("/").at(-1), undefined];
  }

  /**
   * @param {Properties} values
   * @param {PositionInput | null} position
   * @returns {Promise<[string, Outcome | undefined]>}
   */
  async #update(values, position) {
    const feature = /** @type {LayerFeature} */ (this.feature);
    const body = /** @type {import("./transitions.js").Changes} */ (this.#bodyOf(values, position));
    if (!position && !Object.keys(body.properties).length) return [feature.id, { text: message("nothing_changed") }];
    return [feature.id, await updateFeature(this.layer, feature, body)];
  }

  /** @param {Error & { status?: number, errors?: FieldError[] }} error */
  #showError(error) {
    if (error.status === 412 && this.feature) return this.#showConflict();
    const rest = showFieldErrors(this.#allControls(), error.errors ?? []).filter(({ field, detail }) => {
      const isPlace = this.place && /^(place|geom)/.test(field);
      if (isPlace) this.place?.showError(detail);
      return !isPlace;
    });
    if (rest.length || !error.errors?.length) this.#showSummary(error.message, rest);
    else this.#showFaults();
    if (!focusFirstFault(this.#allControls()) && !this.summary.hidden) this.summary.focus();
  }

  /** Say how many fields are at fault, and focus the first. */
  #showFaults() {
    const count = this.form.querySelectorAll('[aria-invalid="true"]').length;
    if (count > 1) this.#showSummary(message("faults", { n: count }));
    focusFirstFault(this.#allControls());
  }

  /**
   * @param {string} text
   * @param {FieldError[]} [errors] Those of fields without an input in this form.
   */
  #showSummary(text, errors = []) {
    const items = errors
      .filter(({ detail }) => !text.endsWith(detail))
      .map(({ field, detail }) => element("li", {}, `${fieldLabel(this.layer, field)}: ${detail}`));
    this.summary.replaceChildren(element("p", {}, text), items.length ? element("ul", {}, ...items) : "");
    this.summary.hidden = false;
  }

  /** Somebody else has changed the feature: show what, and let this person choose where both changed the same. */
  #showConflict() {
    const theirs = this.feature?.properties ?? {}; // read again by `updateFeature`
    this.summary.replaceChildren(conflictNotice(this.layer, this.controls, this.base, theirs));
    this.summary.hidden = false;
    this.base = { ...theirs };
    this.summary.focus();
    this.summary.scrollIntoView({ block: "start" });
  }

  #storeLater = debounce(400, () => this.isChanged && this.storesDraft && this.#store());

  #store() {
    const texts = this.#allControls().map((control) => [control.name, control.text()]);
    /** @type {Properties} */
    const values = {};
    let complete = true;
    for (const control of this.#allControls()) {
      const reading = control.read();
      if ("value" in reading) values[control.name] = reading.value;
      else complete = false;
    }
    const id = this.feature?.id ?? null;
    storeDraft({
      key: draftKey(this.layer, id),
      layer: this.layer,
      id,
      base_version: this.feature?.etag ?? null,
      method: id ? "PATCH" : "POST",
      path: id ? itemPath(this.layer, id) : itemsPath(this.layer),
      body: this.#bodyOf(values, this.place?.value() ?? null),
      idempotency_key: this.key,
      complete,
      inputs: Object.fromEntries(texts),
      place: this.place ? this.place.entered() : null,
    });
  }

  #forgetDraft() {
    this.isChanged = false;
    if (this.storesDraft) deleteDraft(draftKey(this.layer, this.feature?.id ?? null));
  }

  /** Fill in the draft of this feature, if there is one, and say so. */
  async restoreDraft() {
    const draft = await takeDraft(this.layer, this.feature?.id ?? null);
    if (!draft || this.isChanged) return;
    this.key = draft.idempotency_key;
    for (const control of this.#allControls()) {
      const text = draft.inputs[control.name];
      if (text !== undefined) control.setText(text);
    }
    if (draft.place?.position) this.place?.setPosition(draft.place.position);
    else if (draft.place?.text) this.place?.setText(draft.place.text, draft.place.border);
    this.isChanged = true;
    const discard = { className: "button plain", type: "button", onclick: () => this.#discardDraft() };
    const isOld = this.feature && draft.base_version && draft.base_version !== this.feature.etag;
    this.notice.replaceChildren(
      element("span", {}, message("draft_restored", { moment: formatMoment(draft.updated_at) })),
      isOld ? element("span", {}, ` ${message("draft_of_older_version")}`) : "",
      element("button", discard, message("discard")),
    );
    this.notice.hidden = false;
  }

  #discardDraft() {
    this.#forgetDraft();
    const values = this.feature ? this.base : (this.options.initial ?? {});
    for (const control of this.#allControls()) control.set(values[control.name] ?? null);
    this.place?.clear();
    this.notice.hidden = true;
    this.isChanged = false;
  }
}

/**
 * @param {LayerCard} card
 * @param {Field} field
 */
function hasInput(card, { name, input, receivable }) {
  return receivable && input !== null && name !== card.status && !WITHOUT_INPUT.has(name);
}

/**
 * @param {string} layer
 * @param {LayerFeature | null} feature
 * @param {boolean} positionOnly
 */
function formTitle(layer, feature, positionOnly) {
  if (!feature) return message("add_new", { what: localized(displayOf(layer).singular) });
  return positionOnly ? `${message("set_position")}: ${titleOf(layer, feature)}` : titleOf(layer, feature);
}
