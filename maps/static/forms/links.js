// What a thing is linked to: seen, followed, added and taken away.

import { ask, collection, fill, item, query } from "../core/http.js";
import { afterQuiet, h, said, say } from "../core/page.js";
import { card, markOf, mayChange, titleOf } from "../core/labels.js";
import { dialog, line } from "../core/dialogs.js";
import { locate } from "../core/address_box.js";

const SEARCHED = ["markers", "works", "tasks", "gates", "documents", "incidents"];
const ROLES = ["subject", "site", "document", "parent", "continues", "gate"];
// What a link most often says to a thing of each layer; to a bare address it says where.
const ROLE_TO = { markers: "subject", documents: "document", gates: "gate", works: "parent", tasks: "parent", incidents: "subject" };
const MOST = 8;

/** The list of links and its button; `go` follows one, `tell` says what was done with its undo. */
export function linksOf(layer, feature, { go, tell }) {
  const list = h("ul", { className: "links" });
  const drawn = () => fill(list, item(layer, feature.id, "/links"), ({ links }) => links.map(row), "no_links");
  const changed = async (text, undo = null) => {
    tell(text, undo && (async () => (await undo(), drawn()))); // first, so that no older undo can be pressed meanwhile
    await drawn();
  };
  const path = (rest = "") => item(layer, feature.id, `/links${rest}`);
  const make = (owner, body) => ask(`${owner}/links`, { method: "POST", body });
  const drop = (id) => ask(path(`/${id}`), { method: "DELETE" });

  function row(link) {
    const name = link.title ?? link.at;
    const owner = link.direction === "from" ? item(link.layer, link.id) : item(layer, feature.id);
    const again = { role: link.role, ...(link.direction === "from" ? { to: feature.id } : link.id ? { to: link.id } : { at: link.at, ...(link.border ? { border: link.border } : {}) }) };
    const unlink = async () => {
      try {
        await drop(link.link);
        await changed(say("unlinked", { what: name }), () => make(owner, again));
      } catch (error) {
        tell(error.message, null, true);
      }
    };
    return h("li", {},
      h("span", { className: "role" }, roleWord(link)),
      link.id ? h("button", { className: "name", type: "button", onclick: () => go(link.layer, link.id) }, nameOf(link)) : h("span", { className: "name" }, [link.at, link.border && say(link.border)].filter(Boolean).join(" · ")),
      !mayChange(feature) ? null : h("button", { className: "button plain", type: "button", "aria-label": say("unlink", { what: name }), title: say("unlink", { what: name }), onclick: unlink }, "✕"));
  }

  drawn();
  if (!mayChange(feature)) return [list];
  const add = h("button", { className: "button", type: "button", onclick: () => linkDialog(feature, async (body, name) => {
    const { data } = await make(item(layer, feature.id), body);
    await changed(say("linked_to", { what: name }), () => drop(data.link));
  }) }, say("link_to"));
  return [list, h("p", { className: "actions" }, add)];
}

const roleWord = ({ role, direction }) => say(direction === "from" ? `role_${role}_from` : `role_${role}`);
const nameOf = (link) => (link.layer === "markers" ? `${say("marker_word")} ${link.title}` : link.title ?? said(card(link.layer)?.title));

/** Look for a thing by its title or number, or for an address, and say what the link means. */
function linkDialog(feature, send) {
  const words = h("input", { type: "search", maxlength: "200", autocomplete: "off", "aria-label": say("link_search"), placeholder: say("link_search") });
  const found = h("fieldset", { className: "choices" }, h("legend", {}, say("link_found")), h("p", { className: "quiet" }, say("link_hint")));
  const role = h("select", { name: "role", required: true }, ...ROLES.map((one) => h("option", { value: one }, say(`role_${one}`))));
  const picked = new Map();
  let asking = null;
  const choice = (key, body, name, about, sign, preset) => {
    picked.set(key, { body, name });
    return h("label", { className: "choice" }, h("input", { type: "radio", name: "end", value: key, required: true, onchange: () => (role.value = preset) }), sign, h("span", {}, name, " ", h("span", { className: "quiet" }, about)));
  };
  const look = afterQuiet(300, async () => {
    const q = words.value.trim();
    asking?.abort();
    picked.clear();
    if (!q) return;
    asking = new AbortController();
    const { signal } = asking;
    const searches = SEARCHED.filter(card).map(async (layer) => {
      const { data } = await ask(query(collection(layer), { q, limit: MOST }), { signal });
      return data.features.filter((one) => one.id !== feature.id).map((one) => choice(one.id, { to: one.id }, titleOf(layer, one), said(card(layer).title), markOf(layer, one), ROLE_TO[layer]));
    });
    const places = locate({ q }, { signal }).then(({ features }) => features.filter((one) => one.properties.kind !== "coordinate").map(({ properties: p }, n) =>
      choice(`at-${n}`, { at: p.address, ...(p.border ? { border: p.border } : {}) }, p.address, [say("place_of"), p.border && say(p.border)].filter(Boolean).join(" · "), null, "site")));
    const answers = await Promise.allSettled([...searches, places]);
    if (signal.aborted) return;
    const rows = answers.flatMap(({ value }) => value ?? []);
    // What is no address is refused as one; a layer that cannot be searched is a fault to be told.
    const wrong = answers.slice(0, -1).find(({ status }) => status === "rejected")?.reason;
    if (wrong) rows.push(h("p", { className: "field-fault" }, wrong.message));
    found.replaceChildren(h("legend", {}, say("link_found")), ...(rows.length ? rows : [h("p", { className: "quiet" }, say("link_nothing"))]));
  });
  words.addEventListener("input", look);
  words.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  dialog(say("link_to"), titleOf(feature.properties.layer, feature), [words, found, line(say("link_role"), role)], async (given) => {
    const { body, name } = picked.get(given.get("end")) ?? {};
    if (body) await send({ ...body, role: given.get("role") }, name);
  }, { label: say("link_make"), labels: { role: say("link_role") } });
  words.focus();
}
