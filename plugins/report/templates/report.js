"use strict";
// Filters and sorts the matrices. Everything can be read without this file; it changes no text of
// the report and fetches nothing.
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

  const tables = [...document.querySelectorAll("table.matrix")];
  const controls = document.getElementById("controls");
  if (!tables.length || !controls) return;

  const outcomes = ["failed", "error", "known", "not_measured", "passed", ""];
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const toggles = [...controls.querySelectorAll("input[type=checkbox]")];
  const collator = new Intl.Collator("en", { numeric: true });

  // A cell may say "5,836", "<1" or "12k".
  const readNumber = (text) =>
    (Number.parseFloat(text.replace(/[<>,]/g, "")) || 0) * (text.endsWith("k") ? 1000 : 1);

  // What a column is sorted by: names by the alphabet, totals by number, properties by outcome and
  // then by value. The sort is stable, so equal rows keep the order "most failures first".
  const readKey = (row, column) => {
    const cell = row.cells[column];
    if (column === 1) return [-readNumber(cell.textContent), 0];
    return [outcomes.indexOf(cell.className), -readNumber(cell.querySelector("b")?.textContent ?? "")];
  };

  // One matrix: its rows are filtered by the controls that all share, and sorted on their own.
  const makeMatrix = (table) => {
    const body = table.tBodies[0];
    const section = table.closest("section");
    const rows = [...body.rows];
    const names = rows.map((row) => row.cells[0].textContent.toLowerCase());
    const headings = [...table.tHead.rows[1].cells];

    const show = (part, wanted) => {
      let count = 0;
      rows.forEach((row, position) => {
        const match = names[position].includes(part) && wanted.has(row.className);
        row.hidden = !match;
        count += match;
      });
      section.hidden = !count;
      return count;
    };

    const compareRows = (column) => {
      if (column === 0) return (a, b) => collator.compare(names[a], names[b]);
      const keys = rows.map((row) => readKey(row, column));
      return (a, b) => keys[a][0] - keys[b][0] || keys[a][1] - keys[b][1];
    };

    const arrange = (order) => body.append(...order.map((position) => rows[position]));

    const sortBy = (column) => {
      const reverse = headings[column].getAttribute("aria-sort") === "ascending";
      for (const heading of headings) heading.removeAttribute("aria-sort");
      headings[column].setAttribute("aria-sort", reverse ? "descending" : "ascending");
      const order = [...rows.keys()].sort(compareRows(column));
      arrange(reverse ? order.reverse() : order);
    };

    const reset = () => {
      for (const heading of headings) heading.removeAttribute("aria-sort");
      arrange([...rows.keys()]);
    };

    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortBy(column));
    });
    return { count: rows.length, show, reset };
  };

  const matrices = tables.map(makeMatrix);
  const total = matrices.reduce((sum, matrix) => sum + matrix.count, 0);

  const showMatching = () => {
    const part = filter.value.trim().toLowerCase();
    const wanted = new Set(toggles.filter((box) => box.checked).map((box) => box.value));
    const count = matrices.reduce((sum, matrix) => sum + matrix.show(part, wanted), 0);
    shown.value = `${count.toLocaleString("en")} of ${total.toLocaleString("en")} rows shown`;
  };

  document.getElementById("reset").addEventListener("click", () => {
    filter.value = "";
    for (const box of toggles) box.checked = true;
    for (const matrix of matrices) matrix.reset();
    showMatching();
  });
  filter.addEventListener("input", showMatching);
  for (const box of toggles) box.addEventListener("change", showMatching);
  controls.hidden = false;
  showMatching();
})();
