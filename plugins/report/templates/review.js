"use strict";
// The review page: one candidate at a time, decided with keys. It fetches nothing, and keeps what was
// decided in the browser's storage until it is exported.
(() => {
  const review = JSON.parse(document.getElementById("data").textContent);
  const { make, showPair, showImages } = labelgate.pictures;
  const { tellBefore, tellAnswer, number } = labelgate.tables;
  const { ofPair, ofSource, ofLabels, makePicker } = labelgate.answers;
  const { drawRule, drawAgreement, drawFile, wireFile } = labelgate.panels;
  const desk = new labelgate.Desk(review, () => localStorage);
  const at = (id) => document.getElementById(id);

  const KINDS = {
    label_conflict: { title: "Label conflicts", question: "Which class do these identical pixels show?" },
    near_duplicate: { title: "Near duplicates", question: "Do these two come from one picture, or show one scene?", negative: "different", positive: "near duplicates" },
    source: { title: "Sources", question: "Do these images come from one scene, object or film?", negative: "different", positive: "of one source" },
    label_error: { title: "Label errors", question: "Which class does this image show?", negative: "rightly labelled", positive: "wrongly labelled" },
    label_change: { title: "Changed labels", question: "Is the new label right?", negative: "rightly changed", positive: "wrongly changed" },
  };
  const VIEWS = [["s", "side", "Side by side"], ["f", "flicker", "Flicker"], ["w", "swipe", "Swipe"], ["d", "difference", "Difference"]];

  let kind = desk.kinds()[0];
  let current = null; // the candidate that is shown
  let item = null; // the pair of a source that is shown by itself
  let mode = "side";
  let actions = []; // [key, text, run, pressed] of the shown candidate
  let stop = () => {};

  const named = (label) => (review.names[label] ? `${label} (${review.names[label]})` : label);

  // The candidates that the filters leave, in the order in which they are asked.
  const list = () => {
    const label = at("class").value;
    const state = at("state").value;
    return desk.ordered(kind).filter((candidate) => {
      if (label && !desk.classesOf(candidate).includes(label)) return false;
      if (state === "conflict") return !desk.blind && desk.inConflict(candidate);
      return state === "all" || desk.isDecided(candidate) === (state === "decided");
    });
  };

  const show = (candidate, part = null) => {
    current = candidate;
    item = part;
    if (candidate && candidate.kind !== kind) {
      kind = candidate.kind;
      at("class").value = "";
      at("state").value = "all";
      fillClasses();
    }
    if (candidate) history.replaceState(null, "", `#${candidate.id}`);
    picker.close();
    draw();
  };

  const step = (by) => {
    if (item) {
      const items = current.items;
      show(current, items[(items.indexOf(item) + by + items.length) % items.length]);
      return;
    }
    const all = list();
    const place = all.indexOf(current);
    if (all.length) show(all[place < 0 ? 0 : (place + by + all.length) % all.length]);
  };

  // The next undecided candidate after the shown one, or else the first of all; null where none is.
  const nextUndecided = () => {
    const label = at("class").value;
    const all = desk.ordered(kind).filter((each) => !label || desk.classesOf(each).includes(label));
    const place = all.indexOf(current);
    const open = (each) => !desk.isDecided(each);
    return all.slice(place + 1).find(open) ?? all.slice(0, place + 1).find(open) ?? null;
  };

  const jump = () => {
    const found = nextUndecided();
    if (found) show(found);
    else say(`All ${KINDS[kind].title.toLowerCase()} are decided.`);
  };

  const decide = (answers) => {
    desk.decide(answers);
    if (item) {
      const open = current.items.find((each) => !desk.row(each));
      if (open) {
        show(current, open);
        return;
      }
    }
    show(nextUndecided() ?? current);
  };

  const undo = () => {
    const about = desk.undo();
    if (about) show(about);
    else say(desk.history.length ? "Taken back." : "Nothing is left to take back.");
  };

  const say = (text) => { at("progress").textContent = text; };

  const page = {
    decide: (answers) => decide(answers),
    showItem: (part) => show(current, part),
    pick: () => picker.open(),
    named,
  };

  const answersOf = () => {
    if (item) return ofPair(desk, item, page);
    if (kind === "source") return ofSource(desk, current, page);
    return kind === "near_duplicate" ? ofPair(desk, current.items[0], page) : ofLabels(desk, current, page);
  };

  const picker = makePicker(at, review.labels, named, (labels) => decide(current.items.map((each) => [each, "label", labels])));

  // --- drawing ---------------------------------------------------------------------------------

  const button = ([key, text, run, pressed]) =>
    make("button", { type: "button", class: "act", onclick: run, "aria-pressed": String(pressed), "aria-keyshortcuts": key }, make("kbd", { text: key }), " ", make("bdi", { text }));

  const drawPictures = () => {
    stop();
    at("pictures").replaceChildren();
    const images = current.images.map((place) => review.images[place]);
    const part = item ?? (current.kind === "near_duplicate" ? current.items[0] : null);
    at("views").replaceChildren(...(part ? VIEWS.map(([key, name, text]) => button([key, text, () => view(name), mode === name])) : []));
    if (part) {
      const [a, b] = [review.images[part.edge.a], review.images[part.edge.b]];
      stop = showPair(at("pictures"), a, b, part.edge, mode, review.names, review.pictured);
    } else {
      const bare = desk.blind && !current.edges.length;
      showImages(at("pictures"), images, review.names, review.pictured, kind === "label_conflict", bare);
    }
  };

  const view = (name) => {
    if (name === "flicker" && mode === "flicker") document.querySelector(".cover")?.classList.toggle("gone");
    else {
      mode = name;
      drawPictures();
    }
  };

  const drawEdges = () => {
    if (current.kind !== "source") return at("edges").replaceChildren();
    const rows = current.items.map((each, i) => {
      const row = desk.row(each);
      const text = `${i + 1}: ${row ? tellAnswer(row) : "undecided"}`;
      return make("li", {}, make("button", { type: "button", class: "act", "aria-pressed": String(each === item), title: `${each.path_a} ~ ${each.path_b}`, text, onclick: () => show(current, each) }));
    });
    const back = item ? [make("button", { type: "button", class: "act", onclick: () => show(current) }, make("kbd", { text: "Esc" }), " Back to all images")] : [];
    return at("edges").replaceChildren(make("p", { class: "quiet", text: "Its pairs" }), make("ol", {}, ...rows), ...back);
  };

  const drawCandidate = () => {
    const all = list();
    at("stage").classList.toggle("nothing", !current);
    if (!current) {
      for (const id of ["said", "views", "pictures", "decisions", "before", "edges"]) at(id).replaceChildren();
      at("question").textContent = "No candidate fits what is chosen above.";
      actions = [];
      return;
    }
    const place = all.indexOf(current) + 1;
    const where = item ? `pair ${current.items.indexOf(item) + 1} of ${current.items.length}` : place ? `${number(place)} of ${number(all.length)}` : "not among those chosen above";
    at("question").replaceChildren(item ? "Do these two come from one picture, or show one scene? " : `${KINDS[kind].question} `, make("span", { class: "quiet", text: where }));
    at("said").replaceChildren(...(desk.blind ? [] : [make("span", { class: "what", text: "The machine: " }), make("bdi", { text: item ? item.edge.said : current.said })]));
    actions = answersOf();
    at("decisions").replaceChildren(...actions.map(button));
    const before = desk.blind ? [] : [...new Set((item ? [item] : current.items).map((each) => tellBefore(desk, each)).filter(Boolean))];
    at("before").textContent = before.length ? `Decided before: ${before.join("; ")}` : "";
    drawEdges();
    drawPictures();
  };

  const drawProgress = () => {
    const { decided, of } = desk.progress(kind);
    say(`${number(decided)} of ${number(of)} ${KINDS[kind].title.toLowerCase()} decided.`);
    for (const chooser of at("kinds").querySelectorAll("button")) {
      const told = desk.progress(chooser.dataset.kind);
      chooser.querySelector(".tally").textContent = `${number(told.decided)}/${number(told.of)}`;
      chooser.setAttribute("aria-pressed", String(chooser.dataset.kind === kind));
    }
  };

  const go = (candidate, known) => {
    const part = candidate.kind === "source" ? candidate.items.find((each) => each.key === known) : null;
    show(candidate, part ?? null);
    at("question").focus();
  };

  const draw = () => {
    drawCandidate();
    drawProgress();
    drawRule(at, desk, kind, KINDS[kind]);
    drawFile(at, desk);
    drawAgreement(at, desk, go);
    const undoing = at("steps").querySelector("[aria-keyshortcuts=z]");
    undoing.disabled = !desk.history.length;
  };

  // --- choosing --------------------------------------------------------------------------------

  const fillClasses = () => {
    const labels = [...new Set(desk.ordered(kind).flatMap((each) => desk.classesOf(each)))].sort();
    const options = labels.map((label) => make("option", { value: label, text: named(label) }));
    at("class").replaceChildren(make("option", { value: "", text: "all" }), ...options);
  };

  const restart = () => {
    const all = list();
    show(all.find((each) => !desk.isDecided(each)) ?? all[0] ?? null);
  };

  const begin = () => {
    at("who").hidden = true;
    at("desk").hidden = false;
    at("reviewer").replaceChildren(make("bdi", { text: desk.name }), desk.blind ? ", blind " : " ", make("button", { type: "button", class: "act", text: "Change", onclick: ask }));
    at("state").querySelector("[value=conflict]").disabled = desk.blind;
    fillClasses();
    const wanted = review.candidates.find((candidate) => `#${candidate.id}` === location.hash);
    if (wanted) show(wanted);
    else restart();
  };

  const ask = () => {
    stop();
    at("desk").hidden = true;
    at("who").hidden = false;
    at("name").value = desk.name;
    at("blind").checked = desk.blind;
    at("name").focus();
  };

  at("who").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = at("name").value.trim();
    if (!name) return;
    if (name !== desk.name || at("blind").checked !== desk.blind) history.replaceState(null, "", location.pathname);
    desk.start(name, at("blind").checked);
    begin();
  });

  at("open").addEventListener("click", () => {
    desk.start(desk.name, false);
    begin();
  });

  const MOVES = [
    ["ArrowLeft", "← Previous", () => step(-1)],
    ["ArrowRight", "Next →", () => step(1)],
    ["n", "Next undecided", jump],
    ["z", "Undo", undo],
  ];

  document.addEventListener("keydown", (event) => {
    if (at("desk").hidden || event.altKey || !at("keys").checked) return;
    if (event.target.matches("input:not([type=range], [type=checkbox]), textarea, select")) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== "z") return;
    }
    const arrows = event.key.startsWith("Arrow") && event.target.matches("input");
    const pressed = [...actions, ...MOVES, ...VIEWS.map(([key, name]) => [key, "", () => view(name)])];
    const found = event.key === "Escape" && item ? [0, 0, () => show(current)] : pressed.find(([key]) => key === event.key);
    if (!found || arrows || !current) return;
    event.preventDefault();
    found[2]();
  });

  for (const name of desk.kinds()) {
    const choosing = () => {
      kind = name;
      at("class").value = "";
      at("state").value = "all";
      fillClasses();
      restart();
    };
    const tally = make("span", { class: "tally" });
    const chooser = make("button", { type: "button", class: "act", onclick: choosing }, `${KINDS[name].title} `, tally);
    chooser.dataset.kind = name;
    at("kinds").append(chooser);
  }
  for (const id of ["class", "state"]) at(id).addEventListener("change", restart);
  for (const id of ["confidence", "share"]) at(id).addEventListener("change", () => drawRule(at, desk, kind, KINDS[kind]));
  at("steps").append(...MOVES.map(([key, text, run]) => make("button", { type: "button", class: "act", onclick: run, "aria-keyshortcuts": key }, key.length === 1 ? make("kbd", { text: key }) : "", ` ${text}`)));
  at("steps").append(make("label", { class: "check" }, make("input", { type: "checkbox", id: "keys", checked: true }), " Keys"));
  wireFile(at, desk, () => draw());
  if (!review.candidates.length) return;
  const kept = desk.load(desk.slot);
  if (kept?.name) {
    desk.start(kept.name, kept.blind);
    begin();
  } else {
    at("who").hidden = false;
    at("name").focus();
  }
})();
