// Creating and finding elements. Strings become text nodes; nothing here parses HTML.

/**
 * Create an element. Properties named `on…` are event listeners; `data` and `style` are objects. Properties and
 * children that are null, undefined or false are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {ElementProperties} [properties]
 * @param {(Child | Child[])[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") setStyle(node, value);
    else if (name in node && typeof value !== "string") Object.assign(node, { [name]: value });
    else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  node.append(...present(children.flat()));
  return node;
}

/**
 * The children without null, undefined and false.
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
export function present(children) {
  return children.filter((child) => child !== null && child !== undefined && child !== false);
}

/**
 * @param {HTMLElement} node
 * @param {Record<string, string>} style
 */
function setStyle(node, style) {
  for (const [name, value] of Object.entries(style)) node.style.setProperty(name, value);
}

/**
 * The element with this id, which the page must have.
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function byId(id, kind) {
  const node = document.getElementById(id);
  if (!(node instanceof (kind ?? HTMLElement))) throw new Error(`The page has no such element: #${id}`);
  return /** @type {Kind} */ (node);
}

/**
 * All elements that match a selector. `kind` only sets the type of the result; it is not checked.
 * @template {Element} [Kind=HTMLElement]
 * @param {string} selector
 * @param {{ root?: ParentNode, kind?: new () => Kind }} [options]
 * @returns {Kind[]}
 */
export function all(selector, { root = document } = {}) {
  return /** @type {Kind[]} */ ([...root.querySelectorAll(selector)]);
}

/**
 * Enable buttons, which the server renders disabled because they do nothing without a script.
 * @param {string} selector
 */
export function enableButtons(selector) {
  for (const button of all(selector, { kind: HTMLButtonElement })) button.disabled = false;
}
