"use strict";
// The review page: one candidate at a time, decided with keys. It fetches nothing, and keeps what was
// decided in the browser's storage until it is exported.
(() => {
  const review = JSON.parse(document.getElementById("data").textContent);
  const { make, showPair, showImages } = labelgate.pictures;
  const { tellStopping, tellBefore, tellAnswer, compare, number } = labelgate.tables;
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
  const PAIRS = [["1", "Augmentation", "augmentation"], ["2", "Similar view", "similar_view"], ["3", "Different", "different"], ["u", "Unsure", "unsure"]];

  let kind = desk.kinds()[0];
  let current = null; // the candidate that is shown
  let item = null; // the pair of a source that is shown by itself
  let mode = "side";
  let chosen = []; // classes in the form for another class
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
    closeOther();
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

  // --- what can be decided ---------------------------------------------------------------------

  const ofPair = (part) => PAIRS.map(([key, text, decision]) => [key, text, () => decide([[part, decision]]), desk.row(part)?.decision === decision]);

  const ofSource = () => {
    const all = (decision) => current.items.map((each) => [each, decision(each)]);
    const said = current.items.map((each) => desk.row(each)?.decision);
    return [
      ["1", "One source", () => decide(all((each) => each.edge.kind)), said.every((each) => each === "augmentation" || each === "similar_view")],
      ["2", "Different, all of them", () => decide(all(() => "different")), said.every((each) => each === "different")],
      ["p", `Pair by pair (${current.items.length})`, () => show(current, current.items.find((each) => !desk.row(each)) ?? current.items[0]), false],
      ["u", "Unsure", () => decide(all(() => "unsure")), said.every((each) => each === "unsure")],
    ];
  };

  const ofLabels = () => {
    const all = (decision, label) => current.items.map((each) => [each, decision, label]);
    const is = (decision, label = "") => current.items.every((each) => {
      const row = desk.row(each);
      return row?.decision === decision && row.label === label;
    });
    const own = current.kind === "label_conflict" ? [] : desk.classesOf(current);
    const labels = [...new Set([...own, ...current.suggested])].slice(0, 9);
    const seen = desk.blind ? [...labels].sort() : labels;
    return [
      ...seen.map((label, i) => [String(i + 1), (!desk.blind && own.includes(label) ? "Keep " : "") + named(label), () => decide(all("label", label)), is("label", label)]),
      ["a", "Another class, or several", openOther, current.items.every((each) => desk.row(each)?.decision === "label" && !labels.includes(desk.row(each).label))],
      ["x", "No class of the dataset", () => decide(all("no_class")), is("no_class")],
      ["u", "Unsure", () => decide(all("unsure")), is("unsure")],
    ];
  };

  // --- another class ---------------------------------------------------------------------------

  const openOther = () => {
    at("other").hidden = false;
    at("search").value = "";
    chosen = [];
    match();
    at("search").focus();
  };

  // The focus leaves the form at once: a browser moves it later, and the next keys would be lost.
  const closeOther = () => {
    if (at("other").contains(document.activeElement)) at("question").focus();
    at("other").hidden = true;
    chosen = [];
    at("chosen").textContent = "";
  };

  const match = () => {
    const wanted = at("search").value.trim().toLowerCase();
    const found = wanted ? review.labels.filter((label) => named(label).toLowerCase().includes(wanted) && !chosen.includes(label)) : [];
    const rest = found.length - 12;
    const buttons = found.slice(0, 12).map((label) => make("li", {}, make("button", { type: "button", class: "act", onclick: () => choose(label) }, make("bdi", { text: named(label) }))));
    if (rest > 0) buttons.push(make("li", { class: "quiet", text: `and ${number(rest)} more: type on` }));
    at("matches").replaceChildren(...buttons);
    at("chosen").textContent = chosen.length ? `Chosen: ${chosen.map(named).join(", ")}` : "";
    return found;
  };

  const choose = (label) => {
    chosen.push(label);
    at("search").value = "";
    match();
    at("search").focus();
  };

  at("search").addEventListener("input", match);
  at("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeOther();
  });
  at("other").addEventListener("submit", (event) => {
    event.preventDefault();
    const found = match();
    if (found.length) choose(found[0]);
    else if (chosen.length) decide(current.items.map((each) => [each, "label", [...chosen].sort().join("|")]));
    else at("chosen").textContent = "No class is chosen: type a part of its name, then Enter.";
  });

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
    actions = item ? ofPair(item) : kind === "source" ? ofSource() : kind === "near_duplicate" ? ofPair(current.items[0]) : ofLabels();
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

  const drawRule = () => {
    const words = KINDS[kind];
    const unlisted = review.unlisted[kind] ?? 0;
    const told = words.negative
      ? tellStopping(desk, kind, words, Number(at("confidence").value), Number(at("share").value))
      : ["No: each of these is a finding, whatever is decided about the others."];
    if (unlisted) told.push(`${number(unlisted)} of those left are less suspicious, and not listed here.`);
    at("stopping").replaceChildren(...told.map((text) => make("li", { text })));
    at("assumption").textContent = !words.negative ? "" : desk.blind
      ? "They are asked in an order drawn at random, so the row speaks for the rest. Unsure counts as found."
      : "This assumes that the rest is no more suspicious than the row, for the most suspicious are asked first. The row ends where one was passed over. Unsure counts as found.";
  };

  const drawAgreement = () => {
    at("unblind").hidden = !desk.blind;
    const names = [...desk.rows].filter(([, rows]) => rows.size).map(([name]) => name).sort();
    at("agreement").hidden = names.length < 2;
    if (desk.blind || names.length < 2) {
      at("whom").replaceChildren();
      at("compared").replaceChildren();
      return;
    }
    const [one, other] = ["one", "other"].map((id) => document.getElementById(id)?.value);
    const first = names.includes(one) ? one : names.includes(desk.name) ? desk.name : names[0];
    const second = names.includes(other) && other !== first ? other : names.find((name) => name !== first);
    const select = (id, text, value) => {
      const options = names.map((name) => make("option", { value: name, text: name, selected: name === value }));
      return make("label", { text: `${text} ` }, make("select", { id, onchange: drawAgreement }, ...options));
    };
    at("whom").replaceChildren(select("one", "Compare", first), " ", select("other", "with", second));
    at("compared").replaceChildren(...compare(desk, first, second, (candidate, known) => {
      const part = candidate.kind === "source" ? candidate.items.find((each) => each.key === known) : null;
      show(candidate, part ?? null);
      at("question").focus();
    }));
  };

  // Not what the text field holds: that has no carriage returns, which a path may have.
  const csv = () => labelgate.rows.write(desk.mine.values());

  const drawFile = () => {
    at("text").value = csv();
    if (!desk.storable) at("filed").textContent = "This browser keeps nothing of this page: export before you close it.";
  };

  const draw = () => {
    drawCandidate();
    drawProgress();
    drawRule();
    drawFile();
    drawAgreement();
    const undoing = at("steps").querySelector("[aria-keyshortcuts=z]");
    undoing.disabled = !desk.history.length;
  };

  // --- the file --------------------------------------------------------------------------------

  at("export").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    const link = make("a", { href: url, download: "review.csv" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    at("filed").textContent = `review.csv has ${number(desk.mine.size)} decisions of ${desk.name}: put it beside dataset.toml, name it under [[reviews]], and run again.`;
  });

  at("copy").addEventListener("click", () => {
    at("text").closest("details").open = true;
    at("text").select();
    const done = () => { at("filed").textContent = "Copied."; };
    const failed = () => { at("filed").textContent = "Selected: copy it with Ctrl+C."; };
    if (navigator.clipboard) navigator.clipboard.writeText(csv()).then(done, failed);
    else failed();
  });

  at("load").addEventListener("change", async () => {
    const told = [];
    for (const file of at("load").files) {
      try {
        const rows = labelgate.rows.read(await file.text(), review.labels);
        desk.take(rows);
        const known = rows.filter((row) => desk.byKey.has(labelgate.rows.keyOf(row))).length;
        told.push(`${file.name}: ${number(rows.length)} decisions read, ${number(known)} of them about candidates here.`);
      } catch (error) {
        told.push(`${file.name} is not read: ${error.message}`);
      }
    }
    at("load").value = "";
    draw();
    at("filed").textContent = told.join(" ");
  });

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
  for (const id of ["confidence", "share"]) at(id).addEventListener("change", drawRule);
  at("steps").append(...MOVES.map(([key, text, run]) => make("button", { type: "button", class: "act", onclick: run, "aria-keyshortcuts": key }, key.length === 1 ? make("kbd", { text: key }) : "", ` ${text}`)));
  at("steps").append(make("label", { class: "check" }, make("input", { type: "checkbox", id: "keys", checked: true }), " Keys"));
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
