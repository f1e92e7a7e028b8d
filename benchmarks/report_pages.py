"""How large the pages of a report are, and how long a browser takes to paint them.

    python benchmarks/report_pages.py --like labelgate-report --work FOLDER --classes 1000 21841

A report of many classes is made from a real one: each class gets one result of each property, of a
class that is measured and passes there, or in one case of 25 of one that fails, with its sentences,
tables and pictures. Its pages are rendered, and opened from disk in the chromium of the system.
"""

import argparse
import random
import shutil
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from labelgate.fixtures.report_json import load_report, save_report
from labelgate.plugins.report.html import render

FAILING = 0.04
"""Share of the checks of a class that fail: with 23 properties, 6 of 10 classes have a finding."""

ROUNDS = 7

MEASURE = """() => new Promise((resolve) => {
  const look = () => {
    const [navigation] = performance.getEntriesByType("navigation");
    const paints = performance.getEntriesByType("paint");
    const first = paints.find((entry) => entry.name === "first-contentful-paint");
    if (!first || !navigation.domContentLoadedEventEnd) return setTimeout(look, 20);
    resolve([first.startTime, navigation.domContentLoadedEventEnd]);
  };
  look();
})"""

ASK = """() => new Promise((resolve) => {
  const field = document.getElementById("filter"), started = performance.now();
  field.value = "class 0007";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
})"""


def multiply(like: dict[str, Any], classes: int) -> dict[str, Any]:
    """Makes a report of many classes from the results of one of few."""
    rng = random.Random(0)
    per = {name: entry["per"] for name, entry in like["properties"].items()}
    asked = [result for result in like["results"] if per[result["property"]] == "class"]
    results = [result for result in like["results"] if per[result["property"]] != "class"]
    for name in (name for name, kind in per.items() if kind == "class"):
        own = [result for result in asked if result["property"] == name]
        fail = [result for result in own if result["outcome"] == "failed"] or own
        others = [result for result in own if result["outcome"] == "passed"] or own
        for number in range(classes):
            chosen = rng.choice(fail if rng.random() < FAILING else others)
            results.append(chosen | {"subject": f"class {number:05d}"})
    counts = Counter(result["outcome"] for result in results)
    checks = {"total": len(results), "run": len(results)}
    told = {name: counts[name] for name in like["counts"]}
    return like | {"results": results, "counts": told, "checks": checks}


def make(like: Path, folder: Path, classes: int) -> float:
    """Writes and renders the report; returns the seconds of rendering."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(like / "pictures.json", folder)
    for name in ("images", "evidence"):
        (folder / name).symlink_to((like / name).resolve())
    save_report(folder, multiply(load_report(like)[1], classes))
    started = time.perf_counter()
    render(folder)
    return time.perf_counter() - started


def paint(browser: Browser, page: Path) -> tuple[float, float, float]:
    """Opens a page from disk several times; medians of milliseconds.

    Returns:
        To the first paint, until the scripts have run, and from a key in the search field to the
        next picture (0 where the page has none).
    """
    rows = []
    for _ in range(ROUNDS):
        with browser.new_page() as opened:
            opened.goto(page.resolve().as_uri())
            first, ready = opened.evaluate(MEASURE)
            asked = opened.evaluate(ASK) if opened.query_selector("#filter") else 0.0
            rows.append((first, ready, asked))
    first, ready, asked = (statistics.median(column) for column in zip(*rows, strict=True))
    return first, ready, asked


def sizes(folder: Path) -> dict[str, float]:
    """Megabytes of each part of the report."""
    parts = {
        "index.html": [folder / "index.html"],
        "classes/": list((folder / "classes").iterdir()),
        "assets/, pictures.json": [*(folder / "assets").iterdir(), folder / "pictures.json"],
        "report.json": [folder / "report.json"],
    }
    return {name: sum(f.stat().st_size for f in files) / 1e6 for name, files in parts.items()}


def main() -> None:
    """Prints a row a number of classes and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--like", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--classes", type=int, nargs="+", default=[1000, 21841])
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for classes in options.classes:
            folder = options.work / f"report-{classes}"
            seconds = make(options.like, folder, classes)
            pages = sorted(
                (folder / "classes").glob("class-*.html"), key=lambda f: f.stat().st_size
            )
            told = ", ".join(f"{name} {size:.2f} MB" for name, size in sizes(folder).items())
            print(f"{classes:,} classes: rendered in {seconds:.1f} s, {len(pages):,} pages; {told}")
            largest, middle = pages[-1], pages[len(pages) // 2]
            for name, page in (
                ("index", folder / "index.html"), ("largest page", largest), ("median page", middle)
            ):  # fmt: skip
                first, ready, asked = paint(browser, page)
                told = f"first paint {first:.0f} ms, ready {ready:.0f} ms, search {asked:.0f} ms"
                print(f"  {name} ({page.stat().st_size / 1e3:.0f} kB): {told}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
