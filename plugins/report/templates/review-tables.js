"use strict";
// What stands beside the pictures: when to stop, what others decided, how far people agree.
(() => {
  const { make } = labelgate.pictures;
  const { answer, keyOf } = labelgate.rows;

  const percent = (share) => `${(100 * share).toPrecision(3).replace(/\.?0+$/, "")} %`;
  const number = (n) => n.toLocaleString("en");

  // Says what a row of negatives proves, in sentences.
  const tellStopping = (desk, kind, words, confidence, share) => {
    const told = desk.stopping(kind, confidence, share);
    const { negatives, left, needed, positives, enough } = told;
    const at = `At ${Math.round(100 * confidence)} % confidence`;
    if (!left) return ["None is left to decide."];
    const row = `${number(negatives)} in a row ${negatives === 1 ? "was" : "were"} ${words.negative}, ${number(left)} ${left === 1 ? "is" : "are"} left.`;
    const proves = negatives
      ? `${at} at most ${percent(told.share)} of the rest are ${words.positive}: at most ${number(positives)} of the ${number(left)} left.`
      : `${at} nothing is known about the rest yet.`;
    const next = enough
      ? `You can stop: ${number(needed)} in a row are enough for ${percent(share)}.`
      : `${number(needed - negatives)} more in a row, and at most ${percent(share)} of the rest are (${number(needed)} in all).`;
    return [row, proves, next];
  };

  const tellAnswer = (row) =>
    row.decision === "label" ? row.label : row.decision.replaceAll("_", " ");

  const tellBefore = (desk, item) => {
    const said = [];
    for (const [name, rows] of desk.rows) {
      const row = rows.get(item.key);
      if (row && name !== desk.name) said.push(`${name}: ${tellAnswer(row)} (${row.date})`);
    }
    return said.sort().join("; ");
  };

  const tellKappa = (value) =>
    Number.isNaN(value) ? "not defined, one answer everywhere" : value.toFixed(3);

  // Compares two people: a table, and the list of what they disagree about.
  const compare = (desk, one, other, go) => {
    const rows = [];
    const apart = [];
    for (const pairs of [true, false]) {
      const both = desk.together(one, other, pairs);
      if (!both.length) continue;
      const { n, same, kappa } = labelgate.statistics.agreement(both.map(([a]) => answer(a)), both.map(([, b]) => answer(b)));
      const cells = [pairs ? "pairs" : "labels", number(n), percent(same / n), tellKappa(kappa)];
      rows.push(make("tr", {}, make("th", { scope: "row", text: cells[0] }), ...cells.slice(1).map((text) => make("td", { text }))));
      apart.push(...both.filter(([a, b]) => answer(a) !== answer(b)));
    }
    apart.sort(([a], [b]) => (keyOf(a) < keyOf(b) ? -1 : 1));
    if (!rows.length) return [make("p", { text: "These two have decided nothing in common yet." })];
    const head = make("tr", {}, ...["Decided by both", "Items", "Agreement", "Cohen's kappa"].map((text) => make("th", { scope: "col", text })));
    const table = make("table", { class: "plain" }, make("thead", {}, head), make("tbody", {}, ...rows));
    const list = apart.map(([a, b]) => {
      const what = a.path_b ? `${a.path_a} ~ ${a.path_b}` : a.path_a;
      const candidate = desk.byKey.get(keyOf(a));
      const text = [make("bdi", { class: "path", text: what }), ` ${one}: ${tellAnswer(a)}, ${other}: ${tellAnswer(b)}`];
      return make("li", {}, candidate ? make("button", { type: "button", class: "plainly", onclick: () => go(candidate, keyOf(a)) }, ...text) : make("span", {}, ...text));
    });
    const heading = make("p", { text: apart.length ? `${number(apart.length)} disagreements:` : "No disagreement." });
    return [table, heading, make("ol", { class: "apart" }, ...list)];
  };

  labelgate.tables = { tellStopping, tellBefore, tellAnswer, compare, number };
})();
