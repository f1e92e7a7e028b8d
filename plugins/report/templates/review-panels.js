"use strict";
// What stands below the stage: the stopping rule, the file, the agreement of reviewers.
(() => {
  const { make } = labelgate.pictures;
  const { tellStopping, compare, number } = labelgate.tables;

  const IN_ORDER = "This assumes that the rest is no more suspicious than the row, for the most suspicious are asked first. The row ends where one was passed over. Unsure counts as found.";
  const AT_RANDOM = "They are asked in an order drawn at random, so the row speaks for the rest. Unsure counts as found.";

  const drawRule = (at, desk, kind, words) => {
    const unlisted = desk.review.unlisted[kind] ?? 0;
    const told = words.negative
      ? tellStopping(desk, kind, words, Number(at("confidence").value), Number(at("share").value))
      : ["No: each of these is a finding, whatever is decided about the others."];
    if (unlisted) told.push(`${number(unlisted)} of those left are less suspicious, and not listed here.`);
    at("stopping").replaceChildren(...told.map((text) => make("li", { text })));
    at("assumption").textContent = !words.negative ? "" : desk.blind ? AT_RANDOM : IN_ORDER;
  };

  const drawAgreement = (at, desk, go) => {
    at("unblind").hidden = !desk.blind;
    const names = [...desk.rows].filter(([, rows]) => rows.size).map(([name]) => name).sort();
    at("agreement").hidden = names.length < 2;
    if (desk.blind || names.length < 2) {
      at("whom").replaceChildren();
      at("compared").replaceChildren();
      return;
    }
    const [one, other] = ["one", "other"].map((id) => at(id)?.value);
    const first = names.includes(one) ? one : names.includes(desk.name) ? desk.name : names[0];
    const second = names.includes(other) && other !== first ? other : names.find((name) => name !== first);
    const select = (id, text, value) => {
      const options = names.map((name) => make("option", { value: name, text: name, selected: name === value }));
      const again = () => {
        drawAgreement(at, desk, go);
        at(id).focus();
      };
      return make("label", { text: `${text} ` }, make("select", { id, onchange: again }, ...options));
    };
    at("whom").replaceChildren(select("one", "Compare", first), select("other", "with", second));
    at("compared").replaceChildren(...compare(desk, first, second, go));
  };

  // Not what the text field holds: that has no carriage returns, which a path may have.
  const csv = (desk) => labelgate.rows.write(desk.mine.values());

  const drawFile = (at, desk) => {
    at("text").value = csv(desk);
    if (!desk.storable) at("filed").textContent = "This browser keeps nothing of this page: export before you close it.";
  };

  const download = (text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = make("a", { href: url, download: "review.csv" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  const load = async (desk, files) => {
    const told = [];
    for (const file of files) {
      try {
        const rows = labelgate.rows.read(await file.text(), desk.review.labels);
        desk.take(rows);
        const known = rows.filter((row) => desk.byKey.has(labelgate.rows.keyOf(row))).length;
        told.push(`${file.name}: ${number(rows.length)} decisions read, ${number(known)} of them about candidates here.`);
      } catch (error) {
        told.push(`${file.name} is not read: ${error.message}`);
      }
    }
    return told.join(" ");
  };

  const wireFile = (at, desk, draw) => {
    const tell = (text) => { at("filed").textContent = text; };
    at("export").addEventListener("click", () => {
      download(csv(desk));
      tell(`review.csv has ${number(desk.mine.size)} decisions of ${desk.name}: put it beside dataset.toml, name it under [[reviews]], and run again.`);
    });
    at("copy").addEventListener("click", () => {
      at("text").closest("details").open = true;
      at("text").select();
      const failed = () => tell("Selected: copy it with Ctrl+C.");
      if (navigator.clipboard) navigator.clipboard.writeText(csv(desk)).then(() => tell("Copied."), failed);
      else failed();
    });
    at("load").addEventListener("change", async () => {
      const told = await load(desk, at("load").files);
      at("load").value = "";
      draw();
      tell(told);
    });
  };

  labelgate.panels = { drawRule, drawAgreement, drawFile, wireFile };
})();
