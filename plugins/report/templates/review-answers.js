"use strict";
// What can be decided about a candidate, and the form in which other classes are chosen.
(() => {
  const { make } = labelgate.pictures;

  const PAIRS = [
    ["1", "Augmentation", "augmentation"],
    ["2", "Similar view", "similar_view"],
    ["3", "Different", "different"],
    ["u", "Unsure", "unsure"],
  ];

  const MATCHES = 12;

  const NEAR = ["augmentation", "similar_view"];

  // Each answer is [key, text, what it does, whether it is what the reviewer decided].
  const ofPair = (desk, item, page) =>
    PAIRS.map(([key, text, decision]) => [key, text, () => page.decide([[item, decision]]), desk.row(item)?.decision === decision]);

  const ofSource = (desk, { items }, page) => {
    const all = (decision) => () => page.decide(items.map((item) => [item, decision(item)]));
    const said = items.map((item) => desk.row(item)?.decision);
    const first = () => items.find((item) => !desk.row(item)) ?? items[0];
    return [
      ["1", "One source", all((item) => item.edge.kind), said.every((each) => NEAR.includes(each))],
      ["2", "Different, all of them", all(() => "different"), said.every((each) => each === "different")],
      ["p", `Pair by pair (${items.length})`, () => page.showItem(first()), false],
      ["u", "Unsure", all(() => "unsure"), said.every((each) => each === "unsure")],
    ];
  };

  const ofLabels = (desk, candidate, page) => {
    const { items, suggested } = candidate;
    const all = (decision, label) => () => page.decide(items.map((item) => [item, decision, label]));
    const is = (wanted) => items.every((item) => desk.row(item) && wanted(desk.row(item)));
    const own = candidate.kind === "label_conflict" ? [] : desk.classesOf(candidate);
    const labels = [...new Set([...own, ...suggested])].slice(0, 9);
    const seen = desk.blind ? [...labels].sort() : labels;
    const keep = (label) => (!desk.blind && own.includes(label) ? "Keep " : "");
    const other = (row) => row.decision === "label" && !labels.includes(row.label);
    return [
      ...seen.map((label, i) => [String(i + 1), keep(label) + page.named(label), all("label", label), is((row) => row.decision === "label" && row.label === label)]),
      ["a", "Another class, or several", page.pick, is(other)],
      ["x", "No class of the dataset", all("no_class"), is((row) => row.decision === "no_class")],
      ["u", "Unsure", all("unsure"), is((row) => row.decision === "unsure")],
    ];
  };

  // The form for other classes: part of a name, Enter takes the first match, Enter again decides.
  const makePicker = (at, labels, named, decide) => {
    let chosen = [];

    const match = () => {
      const wanted = at("search").value.trim().toLowerCase();
      const fits = (label) => named(label).toLowerCase().includes(wanted) && !chosen.includes(label);
      const found = wanted ? labels.filter(fits) : [];
      const buttons = found.slice(0, MATCHES).map((label) => make("li", {}, make("button", { type: "button", class: "act", onclick: () => choose(label) }, make("bdi", { text: named(label) }))));
      const rest = found.length - buttons.length;
      if (rest > 0) buttons.push(make("li", { class: "quiet", text: `and ${rest.toLocaleString("en")} more: type on` }));
      at("matches").replaceChildren(...buttons);
      at("chosen").textContent = chosen.length ? `Chosen: ${chosen.map(named).join(", ")}` : "";
      return found;
    };

    const reset = () => {
      chosen = [];
      at("search").value = "";
      match();
    };

    const choose = (label) => {
      chosen.push(label);
      at("search").value = "";
      match();
      at("search").focus();
    };

    const open = () => {
      at("other").hidden = false;
      reset();
      at("search").focus();
    };

    // The focus leaves the form at once: a browser moves it later, and the next keys would be lost.
    const close = () => {
      if (at("other").contains(document.activeElement)) at("question").focus();
      at("other").hidden = true;
      reset();
    };

    at("search").addEventListener("input", match);
    at("search").addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    at("other").addEventListener("submit", (event) => {
      event.preventDefault();
      const found = match();
      if (found.length) choose(found[0]);
      else if (chosen.length) decide([...chosen].sort().join("|"));
      else at("chosen").textContent = "No class is chosen: type a part of its name, then Enter.";
    });
    return { open, close };
  };

  labelgate.answers = { ofPair, ofSource, ofLabels, makePicker };
})();
