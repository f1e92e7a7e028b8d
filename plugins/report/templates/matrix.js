"use strict";
// The matrices of the first page: filtered, sorted, and shown a page of rows at a time. The rows
// stand in a data block beside each table; what is chosen stands in the address, after the #.
(() => {
  const controls = document.getElementById("controls");
  if (!controls) return;

  const ROWS = 100; // as many as the page shows without scripts
  const OUTCOMES = { f: "failed", e: "error", k: "known", n: "not_measured", p: "passed", "-": "" };
  const ORDER = Object.keys(OUTCOMES).join("");
  const letterOf = (outcome) => ORDER[Object.values(OUTCOMES).indexOf(outcome)];
  const fields = ["filter", "outcome", "property", "severity"].map((id) => document.getElementById(id));
  const shown = document.getElementById("shown");
  const collator = new Intl.Collator("en", { numeric: true });
  const format = (number) => number.toLocaleString("en");

  // A cell may say "5,836", "<1" or "12k".
  const readNumber = (text) =>
    (Number.parseFloat(text.replace(/[<>,]/g, "")) || 0) * (text.endsWith("k") ? 1000 : 1);

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const makeCell = (letter, value, href) => {
    const outcome = OUTCOMES[letter];
    const cell = make("td", outcome ? { className: outcome } : {});
    const number = value ? [" ", make("b", { textContent: value })] : [];
    if (letter === "p") cell.append("✓", ...number);
    else if (letter === "n") cell.append("not measured");
    else if (letter !== "-") cell.append(make("a", { href }, outcome, ...number));
    return cell;
  };

  const makeRow = (row, columns) => {
    const name = make("bdi", { textContent: row.name });
    const head = make("th", { scope: "row" });
    if (row.name.length > 40) Object.assign(head, { className: "long", title: row.name });
    head.append(row.page ? make("a", { href: row.page }, name) : name);
    if (row.called) head.append(" ", make("bdi", { className: "called", textContent: row.called }));
    const cells = [...row.letters].map((letter, column) =>
      makeCell(letter, row.values[column], `${row.page}#${columns[column]}`));
    const broken = make("td", { textContent: row.broken || "" });
    return make("tr", { className: OUTCOMES[row.worst] }, head, broken, ...cells);
  };

  // Rows are packed as [name, called, page, letters of outcomes, values of the letters that show one].
  const readRows = (section) => {
    const packed = JSON.parse(section.querySelector("script.rows").textContent);
    const valued = packed.valued;
    const rows = packed.rows.map(([name, called, page, letters, numbers]) => {
      let next = 0;
      const values = [...letters].map((letter) => (valued.includes(letter) ? numbers[next++] : ""));
      const worst = [...ORDER].find((letter) => letters.includes(letter));
      const broken = letters.replace(/[^fe]/g, "").length;
      const sought = `${name}\n${called}`.toLowerCase();
      return { name, called, page: page && `classes/${page}.html`, letters, values, worst, broken, sought };
    });
    return { ...packed, rows };
  };

  // One matrix: its rows are filtered by the controls that all share, sorted and paged on their own.
  const makeMatrix = (section) => {
    const { columns, severities, rows } = readRows(section);
    const kind = section.dataset.kind;
    const body = section.querySelector("tbody");
    const headings = [...section.querySelectorAll("thead tr:last-child th")];
    const names = ["subject", "broken", ...columns];
    const pager = section.querySelector(".pager");
    const range = make("span", { className: "range" });
    const step = (by, key, text) => {
      const button = make("button", { type: "button", textContent: text });
      button.dataset.key = key;
      button.addEventListener("click", () => turn(page + by));
      return button;
    };
    const [back, on] = [step(-1, "p", "← Previous"), step(1, "n", "Next →")];
    pager.replaceChildren(back, range, on);
    let order = rows.map((_, position) => position);
    let sorted = ["", false];
    let page = 0;
    let drawn = 0;

    // [−1, …] sorts before [0, …]: outcomes by badness, then larger values first.
    const keyOf = (row, column) =>
      column === 1 ? [-row.broken, 0]
        : [ORDER.indexOf(row.letters[column - 2]), -readNumber(row.values[column - 2])];

    const compareBy = (column) => {
      if (column === 0) return (a, b) => collator.compare(rows[a].name, rows[b].name);
      const keys = rows.map((row) => keyOf(row, column));
      return (a, b) => keys[a][0] - keys[b][0] || keys[a][1] - keys[b][1];
    };

    const arrange = (name, descending) => {
      sorted = [name, descending];
      order = rows.map((_, position) => position);
      const column = names.indexOf(name);
      headings.forEach((heading, position) => {
        if (position !== column) heading.removeAttribute("aria-sort");
        else heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      });
      if (column < 0) return;
      order.sort(compareBy(column));
      if (descending) order.reverse();
    };

    // Which rows have a result that is asked for; all of them if nothing is.
    const makeTest = ({ filter, outcome, property, severity }) => {
      const part = filter.trim().toLowerCase();
      const asked = columns.map((_, at) => at).filter((at) =>
        (!property || columns[at] === property) && (!severity || severities[at] === severity));
      if (!outcome && !property && !severity) return (row) => row.sought.includes(part);
      const wanted = outcome ? letterOf(outcome) : "fknep";
      return (row) => asked.some((at) => wanted.includes(row.letters[at])) && row.sought.includes(part);
    };

    const draw = () => {
      const last = Math.max(0, Math.ceil(matching.length / ROWS) - 1);
      page = Math.min(Math.max(page, 0), last);
      const slice = matching.slice(page * ROWS, (page + 1) * ROWS);
      const key = slice.join();
      if (key !== drawn) body.replaceChildren(...slice.map((at) => makeRow(rows[at], columns)));
      drawn = key;
      range.textContent = `Rows ${format(page * ROWS + 1)} to ${format(page * ROWS + slice.length)} of ${format(matching.length)}`;
      pager.hidden = matching.length <= ROWS;
      [back.disabled, on.disabled] = [page === 0, page === last];
    };

    let matching = order;
    drawn = order.slice(0, ROWS).join();
    const show = (asked) => {
      const test = makeTest(asked);
      matching = order.filter((at) => test(rows[at]));
      section.hidden = !matching.length;
      draw();
      return matching.length;
    };

    const turn = (to) => {
      page = to;
      draw();
      section.querySelector(".scroll").scrollTop = 0;
      keep();
    };

    headings.forEach((heading, column) => {
      const button = make("button", { type: "button", title: "Sort by this column" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const same = sorted[0] === names[column];
        arrange(names[column], same && !sorted[1]);
        page = 0;
        showMatching();
      });
    });

    const write = (state) => {
      if (sorted[0]) state.append("sort", [kind, sorted[0], sorted[1] ? "down" : "up"].join("."));
      if (page) state.append("rows", `${kind}.${page + 1}`);
    };
    const read = (state) => {
      const own = (key) => state.getAll(key).map((text) => text.split(".")).find((parts) => parts[0] === kind);
      const [, name, way] = own("sort") ?? [];
      arrange(names.includes(name) ? name : "", way === "down");
      page = (Number.parseInt(own("rows")?.[1], 10) || 1) - 1;
    };
    const reset = () => {
      arrange("", false);
      page = 0;
    };
    return { count: rows.length, show, write, read, reset, first: () => { page = 0; } };
  };

  const matrices = [...document.querySelectorAll("section.kind")].map(makeMatrix);
  const total = matrices.reduce((sum, matrix) => sum + matrix.count, 0);

  // A hash with a "=" is a state; any other names a place on the page.
  const keep = () => {
    const state = new URLSearchParams();
    for (const field of fields) if (field.value) state.set(field.id, field.value);
    for (const matrix of matrices) matrix.write(state);
    const place = location.hash.includes("=") ? "#matrix" : location.hash;
    history.replaceState(null, "", state.size ? `#${state}` : place || location.pathname);
  };

  const render = () => {
    const asked = Object.fromEntries(fields.map((field) => [field.id, field.value]));
    const count = matrices.reduce((sum, matrix) => sum + matrix.show(asked), 0);
    shown.value = `${format(count)} of ${format(total)} rows`;
  };

  const showMatching = () => {
    render();
    keep();
  };

  const restore = () => {
    if (!location.hash.includes("=")) return false;
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) field.value = state.get(field.id) ?? "";
    for (const matrix of matrices) matrix.read(state);
    render();
    return true;
  };

  for (const field of fields) {
    field.addEventListener("input", () => {
      for (const matrix of matrices) matrix.first();
      showMatching();
    });
  }
  document.getElementById("reset").addEventListener("click", () => {
    for (const field of fields) field.value = "";
    for (const matrix of matrices) matrix.reset();
    showMatching();
  });
  addEventListener("hashchange", () => {
    if (restore()) document.getElementById("matrix").scrollIntoView();
  });
  controls.hidden = false;
  if (restore()) document.getElementById("matrix").scrollIntoView();
  else render();

  // Arrows move from cell to cell, once the focus is in a matrix.
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  const enter = (cell) => {
    const target = cell.querySelector("a") ?? cell;
    if (target === cell) cell.tabIndex = -1;
    target.focus();
  };

  addEventListener("keydown", (event) => {
    const region = event.target.closest(".scroll");
    if (!region || event.target.closest("thead") || event.ctrlKey || event.metaKey || event.altKey) return;
    const cell = event.target.closest("td, th");
    const [down, across] = MOVES[event.key] ?? [];
    if (cell && event.key === "Enter" && event.target === cell) cell.parentElement.querySelector("th a")?.click();
    if (down === undefined) return;
    event.preventDefault();
    if (!cell) return enter(region.querySelector("tbody").rows[0].cells[0]);
    const row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + down];
    const next = row?.cells[cell.cellIndex + across];
    if (next) enter(next);
  });
})();
