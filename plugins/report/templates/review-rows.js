"use strict";
// Rows of review.csv: how they are read, written and known. A path is written as it is, also where a
// spreadsheet would take it for a formula: with anything in front it would be another path.
(() => {
  const COLUMNS = ["path_a", "path_b", "decision", "label", "reviewer", "date"];
  const OF_PAIR = ["augmentation", "similar_view", "different", "unsure"];
  const OF_IMAGE = ["label", "no_class", "unsure"];

  const key = (a, b) => JSON.stringify([a, b].sort());
  const keyOf = (row) => key(row.path_a, row.path_b);

  // What a reviewer says, as text: two rows agree if their answers are equal.
  const answer = (row) =>
    row.decision === "label" ? `label ${row.label.split("|").sort().join("|")}` : row.decision;

  const quote = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

  const write = (rows) => {
    const lines = [...rows].map((row) => COLUMNS.map((name) => quote(row[name])).join(","));
    return [COLUMNS.join(","), ...lines.sort(), ""].join("\r\n");
  };

  // Splits CSV into records; quotes may hold commas, quotes and line breaks.
  const split = (text) => {
    const records = [];
    let record = [];
    const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)/y;
    const input = text.replace(/^\ufeff/, "");
    while (cell.lastIndex < input.length) {
      const found = cell.exec(input);
      if (!found) throw new Error(`record ${records.length + 1} has a quote where none may stand; correct it.`);
      const value = found[1];
      record.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
      if (found[2] !== ",") {
        records.push(record);
        record = [];
      } else if (cell.lastIndex === input.length) {
        records.push([...record, ""]);
        record = [];
      }
    }
    return records.filter((each) => each.length > 1 || each[0]);
  };

  const refuse = (number, row, labels) => {
    const where = `record ${number}`;
    for (const name of ["path_a", "decision", "reviewer", "date"]) {
      if (!row[name]) throw new Error(`${where}: the column '${name}' is empty; fill it.`);
    }
    const possible = row.path_b ? OF_PAIR : OF_IMAGE;
    if (!possible.includes(row.decision)) {
      throw new Error(`${where}: the decision '${row.decision}' is none of ${possible.join(", ")}; correct it.`);
    }
    if (!/^\d{4}-\d{2}-\d{2}$/.test(row.date)) {
      throw new Error(`${where}: '${row.date}' is no date; write it like 2026-10-31.`);
    }
    const named = row.decision !== "label" ? [] : labels.has(row.label) ? [row.label] : row.label.split("|");
    const unknown = named.find((label) => !labels.has(label));
    if (unknown !== undefined) throw new Error(`${where}: '${unknown}' is no class of this dataset; correct it.`);
  };

  const read = (text, known) => {
    const [header, ...records] = split(text);
    const absent = COLUMNS.find((name) => name !== "label" && !(header ?? []).includes(name));
    if (absent) throw new Error(`the column '${absent}' is missing; the first line must name ${COLUMNS.join(", ")}.`);
    const labels = new Set(known);
    return records.map((record, i) => {
      if (record.length > header.length) {
        throw new Error(`record ${i + 2} has more values than the first line has columns; correct it.`);
      }
      const row = Object.fromEntries(COLUMNS.map((name) => [name, record[header.indexOf(name)] ?? ""]));
      refuse(i + 2, row, labels);
      return row;
    });
  };

  labelgate.rows = { key, keyOf, answer, write, read };
})();
