"use strict";
// Draws the pictures of a candidate: one, many, or a pair side by side, in turns, swiped, subtracted.
(() => {
  // Makes an element; texts are set as text, so that no name of a file or class is ever read as HTML.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  };

  const LARGEST_SCALE = 8;
  const STORED = 480;

  // The size at which a picture of w x h pixels is shown in a square of `side`.
  const fit = ([w, h], side) => {
    const longest = Math.max(w, h);
    const whole = Math.min(LARGEST_SCALE, Math.floor(side / longest));
    const scale = longest <= side ? Math.max(1, whole) : side / longest;
    return { width: Math.max(1, Math.round(w * scale)), height: Math.max(1, Math.round(h * scale)), scale };
  };

  const why = (image, most) => {
    if (image.absent) return "This image is not here (images = false).";
    if (image.error) return `No picture: ${image.error}`;
    return `Not drawn: a run draws ${most} pictures of a kind. Review those first, then run again.`;
  };

  const picture = (image, side, most, alt = image.path) => {
    if (!image.file) return make("div", { class: "broken", role: "img", "aria-label": alt, text: why(image, most) });
    const { width, height, scale } = fit(image.pixels, side);
    const enlarged = scale > 1 && Math.max(...image.pixels) <= STORED;
    return make("img", { src: `images/${image.file}`, alt, width, height, class: enlarged && "enlarged", draggable: "false" });
  };

  const caption = (image, letter, names) => {
    const called = image.label !== null && names[image.label];
    const label = image.label === null
      ? make("span", { class: "tag", text: "unlabelled" })
      : make("span", { class: "tag" }, make("span", { class: "what", text: "label " }), make("bdi", { class: "name", text: image.label }), called ? ` ${called}` : "");
    const split = make("span", { class: "tag" }, make("span", { class: "what", text: "split " }), make("bdi", { class: "name", text: image.split }));
    const path = make("bdi", { class: "path", text: image.path });
    return make("figcaption", {}, letter ? make("b", { class: "letter", text: `${letter} ` }) : "", path, make("span", { class: "tags" }, split, " ", label));
  };

  const figure = (image, letter, side, names, most) =>
    make("figure", {}, picture(image, side, most), caption(image, letter, names));

  // Lays b on a: both in one frame of the size of a, b moved by the map that was found.
  const overlay = (a, b, matrix, mode, side) => {
    const { width, height, scale } = fit(a.pixels, side);
    const frame = make("div", { class: `frame ${mode}`, role: "img", "aria-label": `b on a: ${b.path} on ${a.path}` });
    frame.style.width = `${width}px`;
    frame.style.height = `${height}px`;
    const below = make("img", { src: `images/${a.file}`, alt: "" });
    const above = make("img", { src: `images/${b.file}`, alt: "" });
    below.style.width = `${width}px`;
    below.style.height = `${height}px`;
    const [w, h] = matrix ? b.pixels : a.pixels;
    above.style.width = `${w}px`;
    above.style.height = `${h}px`;
    const [m0, m1, m2, m3, m4, m5] = (matrix ?? [1, 0, 0, 0, 1, 0]).map((x) => x * scale);
    above.style.transform = `matrix(${m0}, ${m3}, ${m1}, ${m4}, ${m2}, ${m5})`;
    if (scale > 1 && Math.max(...a.pixels, ...b.pixels) <= STORED) {
      below.className = above.className = "enlarged";
    }
    const cover = make("div", { class: "cover" }, above);
    frame.append(below, cover);
    return { frame, cover };
  };

  const TELL = {
    flicker: "a and b in turns, b laid on a; press f again to exchange them.",
    swipe: "a on the left, b laid on it on the right.",
    difference: "What is black agrees; where b does not reach, a shows as it is.",
  };

  const MOVED = " The two could not be laid on each other: b is stretched over a.";

  // Shows a pair in a mode; returns what stops it.
  const showPair = (place, a, b, edge, mode, names, most) => {
    const room = place.clientWidth || 640;
    const beside = Math.min(STORED, Math.floor((room - 16) / 2));
    const alone = Math.min(640, room);
    if (mode === "side" || !a.file || !b.file) {
      place.append(make("div", { class: "pair" }, figure(a, "a", beside, names, most), figure(b, "b", beside, names, most)));
      return () => {};
    }
    const { frame, cover } = overlay(a, b, edge.matrix, mode, alone);
    const parts = [frame];
    let timer = 0;
    if (mode === "swipe") {
      const part = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Where a ends and b begins, in per cent" });
      const move = () => { cover.style.clipPath = `inset(0 0 0 ${part.value}%)`; };
      part.addEventListener("input", move);
      move();
      parts.push(part);
    }
    if (mode === "flicker" && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      timer = setInterval(() => cover.classList.toggle("gone"), 600);
    }
    const captions = make("div", { class: "pair" }, make("figure", {}, caption(a, "a", names)), make("figure", {}, caption(b, "b", names)));
    const told = make("p", { class: "legend-of-view", text: TELL[mode] + (edge.matrix ? "" : MOVED) });
    place.append(make("div", { class: "laid" }, ...parts, told), captions);
    return () => clearInterval(timer);
  };

  // Shows single images; those with identical pixels are shown once, with all their places. Where
  // labels are decided blindly nothing tells the given one: neither a caption nor a path.
  const showImages = (place, images, names, most, same, bare) => {
    const room = place.clientWidth || 640;
    if (bare) {
      place.append(picture(images[0], Math.min(560, room), most, "What is to be labelled"));
      return;
    }
    if (same) {
      const drawn = images[0];
      place.append(make("div", { class: "alone" }, picture(drawn, Math.min(560, room), most), make("ul", { class: "places" }, ...images.map((image) => make("li", {}, caption(image, "", names))))));
      return;
    }
    const side = images.length === 1 ? Math.min(560, room) : images.length === 2 ? Math.min(STORED, (room - 16) / 2) : Math.min(200, (room - 16) / 2);
    const list = images.map((image) => make("li", {}, figure(image, "", Math.floor(side), names, most)));
    place.append(make("ul", { class: images.length > 2 ? "cluster" : "pair" }, ...list));
  };

  labelgate.pictures = { make, showPair, showImages };
})();
