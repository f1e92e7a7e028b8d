"use strict";
globalThis.labelgate = {}; // what scripts of pages share
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

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // A dialog with a button that closes it.
  labelgate.makeDialog = (id, label, ...content) => {
    const close = make("button", { type: "button", className: "close", textContent: "Close" });
    const dialog = make("dialog", { id, ariaLabel: label }, ...content, close);
    close.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    return dialog;
  };

  const UP = ["u", "up to the report"];
  const KEYS = {
    index: [
      ["/", "search names"],
      ["m", "go to the matrix; then arrows move from cell to cell, and Enter opens one"],
      ["n p", "next and previous rows of a matrix that has many"],
      ["r", "show all rows again"],
    ],
    class: [
      ["n p", "next and previous page, as the matrix is ordered"],
      UP,
      ["Enter", "on a picture: larger; then ← and → go through all pictures, Esc closes"],
      ["← →", "on the slider of a pair: move the border between a and b"],
    ],
    pages: [UP],
  };
  const told = KEYS[document.body.dataset.page];
  if (told) {
    const list = make("dl", {});
    for (const [keys, text] of [...told, ["?", "this list"]]) {
      const names = keys.split(" ").flatMap((key) => [make("kbd", { textContent: key }), " "]);
      list.append(make("dt", {}, ...names), make("dd", { textContent: text }));
    }
    const dialog = labelgate.makeDialog("keys", "Keys", make("h2", { textContent: "Keys" }), list);
    const opener = document.querySelector('[data-key="?"]');
    opener?.addEventListener("click", () => dialog.showModal());
    if (opener) opener.parentElement.hidden = false;
  }

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
