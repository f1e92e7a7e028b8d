"use strict";
// The numbers of the review page. fixtures/statistics.py has the same functions, with sources; a
// test compares the two in the browser.
(() => {
  // The share of positives that a row of negatives leaves possible: zero successes, Clopper-Pearson.
  const boundRest = (negatives, confidence) =>
    negatives === 0 ? 1 : -Math.expm1(Math.log1p(-confidence) / negatives);

  const negativesNeeded = (share, confidence) => {
    let guess = Math.max(Math.trunc(Math.log1p(-confidence) / Math.log1p(-share)) - 1, 1);
    while (boundRest(guess, confidence) > share) guess += 1;
    return guess;
  };

  // The number of positives that the row leaves possible among the finitely many that are left.
  const boundLeft = (negatives, left, confidence) => {
    let chance = 1;
    let positives = 0;
    while (positives < left) {
      chance *= (left - positives) / (negatives + left - positives);
      if (chance <= 1 - confidence) break;
      positives += 1;
    }
    return positives;
  };

  const count = (names) => {
    const found = new Map();
    for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
    return found;
  };

  // Agreement of two people on the same questions: how many, on how many the same, Cohen's kappa.
  const agreement = (a, b) => {
    const same = a.filter((answer, i) => answer === b[i]).length;
    const ofB = count(b);
    let chance = 0;
    for (const [name, n] of count(a)) chance += n * (ofB.get(name) ?? 0);
    const all = a.length * a.length;
    return { n: a.length, same, kappa: all > chance ? (same * a.length - chance) / (all - chance) : NaN };
  };

  globalThis.labelgate = { statistics: { boundRest, negativesNeeded, boundLeft, agreement } };
})();
