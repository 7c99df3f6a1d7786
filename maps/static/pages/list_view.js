// The part of the page that lists the rows. Another view of the list is fetched as the page that a reader without
// scripts would get, and takes the place of the present one.

import { all, byId } from "../core/elements.js";
import { message } from "../core/page.js";
import { showNotice } from "../core/notices.js";

export class ListView {
  /** @type {(() => unknown)[]} */
  #listeners = [];
  #latest = 0;

  /** @param {string} layer */
  constructor(layer) {
    this.path = `/${layer}`;
    /** The query of the list that is visible. */
    this.search = location.search;
  }

  /** @param {() => unknown} listener Called after every change of the rows. */
  onLoaded(listener) {
    this.#listeners.push(listener);
  }

  get rows() {
    return all("#list tbody tr", { kind: HTMLTableRowElement });
  }

  /** The query of the visible list as parameters of the items endpoint, and the number of features that it selects. */
  get apiQuery() {
    return byId("list").dataset.query ?? "";
  }

  get total() {
    return Number(byId("list").dataset.total);
  }

  /** @param {string} id */
  row(id) {
    return this.rows.find((row) => row.dataset.id === id) ?? null;
  }

  /**
   * Show another view of the list at its own entry in the history; a record that is open stays so.
   * @param {string} search
   * @param {{ opensFilter?: string, replaces?: boolean }} [options] `opensFilter` is a filter to open.
   */
  async open(search, { opensFilter, replaces = false } = {}) {
    if (!(await this.load(search))) return;
    const url = location.pathname + search;
    if (replaces) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    const menu = opensFilter && document.querySelector(`[data-filter="${CSS.escape(opensFilter)}"]`);
    if (menu) {
      menu.setAttribute("open", "");
      /** @type {HTMLElement | null} */ (menu.querySelector("input:not([hidden])"))?.focus();
    }
  }

  /**
   * Fetch the list and put it in place; open menus, the focus and the position of the rows stay. Returns whether it is
   * visible now.
   * @param {string} [search]
   */
  async load(search = this.search) {
    const request = ++this.#latest;
    byId("list").setAttribute("aria-busy", "true");
    let fetched;
    try {
      fetched = await fetchDocument(this.path + search);
    } catch (error) {
      showNotice("list", error.message, { error: true, retry: () => this.load(search) });
      return false;
    } finally {
      byId("list").removeAttribute("aria-busy");
    }
    if (request !== this.#latest) return false; // a later one has been asked for
    const list = fetched.getElementById("list");
    if (!list) {
      showNotice("list", fetched.querySelector("main p")?.textContent ?? message("refused"), { error: true });
      return false;
    }
    showNotice("list", "");
    const restore = rememberPlace();
    byId("list").replaceWith(document.importNode(list, true));
    this.search = search;
    for (const listener of this.#listeners) listener();
    restore();
    updateLanguageLink(fetched);
    return true;
  }
}

/**
 * @param {string} url
 * @returns {Promise<Document>}
 */
function fetchDocument(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document"; // scripts in it do not run
    request.setRequestHeader("Accept", "text/html");
    request.onload = () => {
      if (new URL(request.responseURL).pathname === "/signin") return location.reload(); // the session has ended
      if (request.response) resolve(request.response);
      else reject(new Error(message("invalid_response", { status: request.status })));
    };
    request.onerror = () => reject(new Error(message("offline")));
    request.send();
  });
}

/** Remember the open menus, the focus and the scroll position; returns the function that restores them. */
function rememberPlace() {
  /** @type {Map<string, string>} The open menus, with what their values are searched for. */
  const menus = new Map();
  for (const menu of all("#list details[open]", { kind: HTMLElement }))
    menus.set(keyOf(menu), searchOf(menu)?.value ?? "");
  const focus = /** @type {HTMLElement | null} */ (document.activeElement);
  const focused = focus?.closest("#list") ? keyOf(focus) : null;
  const box = document.querySelector(".table-box");
  const { scrollTop = 0, scrollLeft = 0 } = box ?? {};
  return () => {
    for (const menu of all("#list details", { kind: HTMLElement })) {
      const key = keyOf(menu);
      const search = searchOf(menu);
      menu.toggleAttribute("open", menus.has(key));
      if (!search || !menus.get(key)) continue;
      search.value = menus.get(key) ?? "";
      search.dispatchEvent(new Event("input"));
    }
    document.querySelector(".table-box")?.scrollTo(scrollLeft, scrollTop);
    if (focused)
      all("#list :is(input, a, button, summary)", { kind: HTMLElement })
        .find((node) => keyOf(node) === focused)
        ?.focus();
  };
}

/**
 * The box that searches the values of a menu.
 * @param {HTMLElement} menu
 */
const searchOf = (menu) =>
  /** @type {HTMLInputElement | null} */ (menu.querySelector(":scope > .menu-body > [data-narrow]"));

/**
 * What names a control in every view of the list.
 * @param {HTMLElement} node
 */
function keyOf(node) {
  const { name = "", value = "", type = "" } = /** @type {Partial<HTMLInputElement>} */ (node);
  const menu = node.closest("details");
  const inMenu = `${menu?.className} ${menu?.dataset.filter ?? ""}`;
  if (name) return `${inMenu} ${name} ${type === "checkbox" || type === "radio" ? value : ""}`;
  return `${inMenu} ${node.tagName} ${node.closest("tr")?.dataset.id ?? ""} ${node.tagName === "DETAILS" ? "" : node.className}`;
}

/** @param {Document} fetched */
function updateLanguageLink(fetched) {
  const [link, other] = [document, fetched].map((from) => from.querySelector('[data-page="language"]'));
  const href = other?.getAttribute("href");
  if (href) link?.setAttribute("href", href);
}
