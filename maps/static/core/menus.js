// A menu is a `<details class="menu">`: it works without this, which closes it by Esc, by a choice or by a press elsewhere.

const shut = (menu) => menu.removeAttribute("open");
const open = () => [...document.querySelectorAll("details.menu[open]")];

let watching = false;

export function watchMenus() {
  if (watching) return; // whoever brings a menu asks for this
  watching = true;
  // Before the page's own keys, so that Esc closes the menu alone and gives the keyboard back to its button.
  document.addEventListener("keydown", (event) => {
    const [menu] = open();
    if (event.key !== "Escape" || !menu) return;
    event.preventDefault();
    shut(menu);
    menu.querySelector("summary").focus();
  }, { capture: true });
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target) || event.target.closest("a")) shut(menu);
  });
}
