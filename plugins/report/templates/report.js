"use strict";
// What every page has: keys, and lists that open for printing. Everything can be read without
// scripts; they change no text of the report and fetch nothing.
(() => {
  // A closed list is not printed, and a printed report must not leave findings out.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const list of closed) list.open = true;
  });
  addEventListener("afterprint", () => {
    for (const list of closed) list.open = false;
  });

  const keys = document.getElementById("keys");
  for (const hidden of document.querySelectorAll(".keyed")) hidden.hidden = false;
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
  }
  document.querySelector('[data-key="?"]')?.addEventListener("click", () => keys.showModal());

  const isWriting = (target) =>
    target.matches("textarea, select, input:not([type=checkbox], [type=range], [type=button])");

  // A key acts on the first element that names it and is to be seen: a field is entered, anything
  // else is clicked.
  const act = (key) => {
    const named = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
    const target = named.find((element) => element.checkVisibility() && !element.disabled);
    if (!target) return false;
    if (target.matches("input")) target.select();
    if (target.matches("input, .scroll")) target.focus();
    else target.click();
    return true;
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && isWriting(event.target)) event.target.blur();
    if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
    if (act(event.key)) event.preventDefault();
  });
})();
