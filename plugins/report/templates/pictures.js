"use strict";
// Pictures of a class page: larger in a dialog, and two of a pair in one frame with a slider.
(() => {
  // b lies on a; the slider moves the border between the two.
  for (const swipe of document.querySelectorAll(".swipe")) {
    const slider = swipe.querySelector("input");
    const frame = swipe.querySelector(".frame");
    const move = () => frame.style.setProperty("--at", `${slider.value}%`);
    slider.addEventListener("input", move);
    frame.addEventListener("pointermove", (event) => {
      const box = frame.getBoundingClientRect();
      slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      move();
    });
    move();
    swipe.hidden = false;
  }

  const small = [...document.querySelectorAll(".pictures li:not(.swipe) figure > img")];
  if (!small.length) return;
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const [figure, caption, pager] = [make("figure"), make("figcaption"), make("p", { className: "pager" })];
  const [picture, counter] = [make("img"), make("span", { className: "range" })];
  const back = make("button", { type: "button", textContent: "←", ariaLabel: "Previous picture" });
  const on = make("button", { type: "button", textContent: "→", ariaLabel: "Next picture" });
  figure.append(picture, caption);
  pager.append(back, counter, on);
  const dialog = labelgate.makeDialog("lightbox", "Picture", figure, pager);
  let at = 0;

  const buttons = small.map((image, position) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "zoom", title: "Larger" });
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => {
      show(position);
      dialog.showModal();
    });
    return button;
  });

  // Small pictures are shown at a whole multiple of their size, so that every pixel is one square.
  const fit = () => {
    const room = Math.min((0.9 * innerWidth) / picture.naturalWidth, (0.68 * innerHeight) / picture.naturalHeight);
    const few = Math.max(picture.naturalWidth, picture.naturalHeight) < 128;
    const scale = few ? Math.max(1, Math.floor(room)) : Math.min(room, 3);
    picture.classList.toggle("enlarged", few);
    picture.width = Math.max(1, Math.round(picture.naturalWidth * scale));
    picture.height = Math.max(1, Math.round(picture.naturalHeight * scale));
  };

  const show = (to) => {
    at = (to + small.length) % small.length;
    picture.src = small[at].src;
    picture.alt = small[at].alt;
    const told = buttons[at].parentElement.querySelector("figcaption");
    caption.replaceChildren(...[...(told?.childNodes ?? [])].map((node) => node.cloneNode(true)));
    counter.textContent = `${at + 1} of ${small.length}`;
  };

  picture.addEventListener("load", fit);
  addEventListener("resize", fit);
  back.addEventListener("click", () => show(at - 1));
  on.addEventListener("click", () => show(at + 1));
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    show(at + by);
  });
  dialog.addEventListener("close", () => {
    buttons[at].focus(); // the picture that was seen last
  });
})();
