// The pane beside the list in which a record, or the form for a new one, is open at its own URL.

import { element } from "../core/elements.js";
import { showNotice } from "../core/notices.js";
import { narrowScreen } from "../core/page.js";
import { blocksLeaving, openNewForm, openRecord } from "./record_panel.js";

const NEW = "new";

export class RecordPane {
  /**
   * @param {string} layer
   * @param {HTMLElement} panel
   * @param {import("./list_view.js").ListView} view
   */
  constructor(layer, panel, view) {
    this.layer = layer;
    this.panel = panel;
    this.view = view;
    /** @type {string} The id of the record, `new`, or empty. */
    this.item = "";
  }

  get isOpen() {
    return this.item !== "";
  }

  /**
   * Open a record, or `new`, at the reader's wish, unless the form in the panel has unsaved input.
   * @param {string} item
   */
  open(item) {
    if (item === this.item) this.panel.focus();
    else if (!blocksLeaving(this.panel)) this.#go(item);
  }

  /**
   * Open a record, or `new`, at its own entry in the history.
   * @param {string} item
   */
  #go(item) {
    const url = `/${this.layer}/${item}${this.view.search}`;
    // Stepping through the records makes no entries, so that Back leads to the list at once.
    if (this.isOpen) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.#show(item);
  }

  /** Close the record at the reader's wish, unless its form has unsaved input. */
  leave() {
    if (!blocksLeaving(this.panel)) this.close();
  }

  /** Close the record; the row gets the focus. */
  close() {
    if (!this.isOpen) return;
    const { item } = this;
    history.pushState(null, "", `/${this.layer}${this.view.search}`);
    this.#hide();
    this.#focusRow(item);
  }

  /**
   * Open the record of the next row, or with -1 the previous one.
   * @param {number} by
   */
  step(by) {
    const { rows } = this.view;
    const current = rows.findIndex((row) => row.dataset.id === this.item);
    const next = rows[current + by];
    if (!next?.dataset.id) return;
    next.scrollIntoView({ block: "nearest" });
    this.open(next.dataset.id);
  }

  /** Show what the URL names, after Back or Forward and when the page is opened. */
  async restore() {
    const item = location.pathname.split("/")[2] ?? "";
    if (location.search !== this.view.search) await this.view.load(location.search);
    const { item: before } = this;
    if (item === before) return;
    if (item) this.#show(item);
    else {
      this.#hide();
      this.#focusRow(before);
    }
  }

  /** Mark the row of the open record, in rows that have been fetched again too. */
  markRow() {
    for (const row of this.view.rows) {
      if (row.dataset.id === this.item) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  /** @param {string} item */
  async #show(item) {
    this.item = item;
    this.panel.hidden = false;
    this.panel.tabIndex = -1;
    document.body.classList.add("with-record");
    this.markRow();
    this.view.row(item)?.scrollIntoView({ block: "nearest" });
    const actions = {
      close: () => this.close(),
      changed: (/** @type {string | null} */ id, /** @type {Outcome | undefined} */ outcome) =>
        this.#changed(id, outcome),
      step: (/** @type {number} */ by) => this.step(by),
    };
    try {
      if (item === NEW) await openNewForm(this.panel, this.layer, actions);
      else await openRecord(this.panel, this.layer, item, actions);
    } catch (error) {
      if (item === this.item) this.panel.replaceChildren(element("p", { className: "refusal" }, error.message));
    }
    if (item === this.item && !this.panel.contains(document.activeElement)) this.panel.focus();
  }

  #hide() {
    this.item = "";
    this.panel.hidden = true;
    this.panel.replaceChildren();
    document.body.classList.remove("with-record");
    this.markRow();
  }

  /** @param {string} item */
  #focusRow(item) {
    const row = this.view.row(item);
    const link = /** @type {HTMLElement | null} */ (row?.querySelector("[data-record]"));
    if (narrowScreen.matches) link?.scrollIntoView({ block: "center" });
    link?.focus();
  }

  /**
   * The record has been changed, or a new one created: fetch the rows again.
   * @param {string | null} id
   * @param {Outcome} [outcome]
   */
  async #changed(id, outcome) {
    const undo = outcome?.undo;
    const undoAndReload = async () => {
      await undo?.();
      await this.view.load();
      if (this.isOpen) this.#show(this.item);
    };
    if (outcome?.text) showNotice("record", outcome.text, { undo: undo ? undoAndReload : null });
    await this.view.load();
    if (id && this.item === NEW) this.#go(id);
  }
}

/** @typedef {{ close: () => unknown, changed: (id: string | null, outcome?: Outcome) => unknown, step: (by: number) => unknown }} PanelActions */
