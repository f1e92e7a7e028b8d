"use strict";
// What is known while somebody reviews: candidates, decisions, order, progress. It draws nothing.
(() => {
  const { key, keyOf, answer } = labelgate.rows;
  const { boundRest, negativesNeeded, boundLeft } = labelgate.statistics;

  const NEAR = ["augmentation", "similar_view"];

  // Mulberry32 over a hash of the name: the same reviewer has the same order on every machine.
  const shuffle = (list, seed) => {
    let state = 2166136261;
    for (const letter of seed) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
    const random = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const order = [...list];
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };

  class Desk {
    constructor(review, storage) {
      this.review = review;
      this.storage = storage;
      this.storable = true;
      this.slot = `labelgate.review:${review.fingerprint}`;
      this.name = "";
      this.blind = false;
      this.rows = new Map(); // by reviewer: rows by key
      this.history = []; // of the reviewer: lists of [key, the row before or null], newest last
      this.byKey = new Map();
      for (const candidate of review.candidates) this.prepare(candidate);
      for (const row of review.reviews) this.keep(row);
    }

    prepare(candidate) {
      const path = (place) => this.review.images[place].path;
      candidate.items = candidate.edges.length
        ? candidate.edges.map((edge) => ({ path_a: path(edge.a), path_b: path(edge.b), edge }))
        : candidate.images.map((place) => ({ path_a: path(place), path_b: "", image: this.review.images[place] }));
      for (const item of candidate.items) {
        item.key = keyOf(item);
        if (!this.byKey.has(item.key)) this.byKey.set(item.key, candidate);
      }
    }

    // Of two rows of one person the later date counts, of one day the one that came later.
    keep(row) {
      const own = this.rows.get(row.reviewer) ?? new Map();
      const before = own.get(keyOf(row));
      if (!before || before.date <= row.date) own.set(keyOf(row), row);
      this.rows.set(row.reviewer, own);
    }

    start(name, blind) {
      this.name = name;
      this.blind = blind;
      this.history = [];
      const kept = this.load(`${this.slot}:${name}`);
      for (const row of [...(kept?.rows ?? []), ...(kept?.others ?? [])]) this.keep(row);
      if (kept?.removed) for (const gone of kept.removed) this.mine.delete(gone);
      this.history = kept?.history ?? [];
      this.save();
    }

    get mine() {
      if (!this.rows.has(this.name)) this.rows.set(this.name, new Map());
      return this.rows.get(this.name);
    }

    load(slot) {
      try {
        return JSON.parse(this.storage().getItem(slot));
      } catch {
        this.storable = false;
        return null;
      }
    }

    save() {
      const told = new Set(this.review.reviews.map((row) => `${row.reviewer}\n${keyOf(row)}\n${row.date}`));
      const others = [...this.rows].filter(([name]) => name !== this.name).flatMap(([, rows]) => [...rows.values()]);
      const gone = this.review.reviews.filter((row) => row.reviewer === this.name && !this.mine.has(keyOf(row)));
      const kept = {
        rows: [...this.mine.values()],
        removed: gone.map(keyOf),
        others: others.filter((row) => !told.has(`${row.reviewer}\n${keyOf(row)}\n${row.date}`)),
        history: this.history,
      };
      try {
        this.storage().setItem(`${this.slot}:${this.name}`, JSON.stringify(kept));
        this.storage().setItem(this.slot, JSON.stringify({ name: this.name, blind: this.blind }));
      } catch {
        this.storable = false;
      }
    }

    // Decides items: [item, decision, label] each; one step for undo.
    decide(answers) {
      const now = new Date();
      const date = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
      this.history.push(answers.map(([item]) => [item.key, this.mine.get(item.key) ?? null]));
      for (const [item, decision, label = ""] of answers) {
        const { path_a, path_b } = item;
        this.mine.set(item.key, { path_a, path_b, decision, label, reviewer: this.name, date });
      }
      this.save();
    }

    // Takes the last step back; returns the candidate that it was about.
    undo() {
      const step = this.history.pop();
      if (!step) return null;
      for (const [known, before] of step) {
        if (before) this.mine.set(known, before);
        else this.mine.delete(known);
      }
      this.save();
      return this.byKey.get(step[0][0]) ?? null;
    }

    row(item, name = this.name) {
      return this.rows.get(name)?.get(item.key);
    }

    isDecided(candidate) {
      return candidate.items.every((item) => this.row(item));
    }

    inConflict(candidate) {
      return candidate.items.some((item) => {
        const rows = [...this.rows.values()].map((rows) => rows.get(item.key)).filter(Boolean);
        return new Set(rows.map(answer)).size > 1;
      });
    }

    // Whether what was decided is a finding; who is unsure has not ruled it out.
    isPositive(candidate) {
      return candidate.items.some((item) => {
        const row = this.row(item);
        if (row.decision === "unsure" || row.decision === "no_class") return true;
        if (row.path_b) return NEAR.includes(row.decision);
        return !this.labelsOf(row).includes(item.image.label);
      });
    }

    labelsOf(row) {
      if (row.decision !== "label") return [];
      return this.review.labels.includes(row.label) ? [row.label] : row.label.split("|");
    }

    kinds() {
      return [...new Set(this.review.candidates.map((candidate) => candidate.kind))];
    }

    // All candidates of a kind, in the order in which they are asked.
    ordered(kind) {
      const all = this.review.candidates.filter((candidate) => candidate.kind === kind);
      return this.blind ? shuffle(all, `${this.name}\n${kind}`) : all;
    }

    classesOf(candidate) {
      return candidate.images.map((place) => this.review.images[place].label).filter((label) => label !== null);
    }

    progress(kind) {
      const all = this.ordered(kind);
      return { decided: all.filter((candidate) => this.isDecided(candidate)).length, of: all.length };
    }

    // What the negatives at the end of the row without a gap say about those that are left.
    stopping(kind, confidence, share) {
      const all = this.ordered(kind);
      let negatives = 0;
      for (const candidate of all) {
        if (!this.isDecided(candidate)) break;
        negatives = this.isPositive(candidate) ? 0 : negatives + 1;
      }
      const left = all.filter((candidate) => !this.isDecided(candidate)).length + (this.review.unlisted[kind] ?? 0);
      const needed = negativesNeeded(share, confidence);
      return {
        negatives,
        left,
        needed,
        share: boundRest(negatives, confidence),
        positives: boundLeft(negatives, left, confidence),
        enough: negatives >= needed,
      };
    }

    // The items that two people answered, of pairs or of labels.
    together(one, other, pairs) {
      const found = [];
      for (const [known, row] of this.rows.get(one) ?? []) {
        const second = this.rows.get(other)?.get(known);
        if (second && Boolean(row.path_b) === pairs) found.push([row, second]);
      }
      return found;
    }

    // Adds the rows of a file; those of the reviewer can be undone as one step.
    take(rows) {
      const own = rows.filter((row) => row.reviewer === this.name);
      const before = own.map((row) => [keyOf(row), this.mine.get(keyOf(row)) ?? null]);
      if (before.length) this.history.push(before);
      for (const row of rows) this.keep(row);
      this.save();
    }
  }

  labelgate.Desk = Desk;
})();
