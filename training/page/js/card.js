// The card beside a token under the pointer: its value, what it is made of, and why.
// Not here: the same at length, for the token that was clicked (inspector).

import { h, inline, number, replace } from "./dom.js";
import { componentsOf, covering, provenance, shownComponent, tokenValue, whyZero } from "./record.js";

const MOST_FINDINGS = 3;
const FAR = 150; // pixels below a token

/** The card; it follows the pointer over the tokens in `code`. */
export function hoverCard(store, code) {
  const card = h("div", { class: "card", hidden: true, "aria-hidden": "true" }); // the inspector says the same to those who hear it
  code.addEventListener("pointerover", (event) => {
    const part = event.target.closest?.("[data-token]");
    const { record, component } = store.get();
    card.hidden = !part || !record;
    if (card.hidden) return;
    replace(card, cardParts(record, Number(part.dataset.token), shownComponent(record, component)));
    place(card, part);
  });
  code.addEventListener("pointerleave", () => (card.hidden = true));
  code.addEventListener("scroll", () => (card.hidden = true));
  return card;
}

/** Put the card below the token, beside its line, above, or after the program: where it hides least of it, and never over the line itself. */
function place(card, part) {
  const frame = card.parentElement.getBoundingClientRect();
  const room = (card.closest(".center") ?? card.parentElement).getBoundingClientRect();
  const token = part.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = card;
  const texts = [...card.parentElement.querySelectorAll(".line .text")].map((text) => text.getBoundingClientRect()).filter((text) => text.top < frame.bottom && text.bottom > frame.top);
  const at = (top) => {
    const lines = texts.filter((text) => text.bottom > top && text.top < top + height);
    const end = lines.reduce((most, text) => Math.max(most, text.right), token.left);
    const left = Math.max(frame.left, Math.min(end, frame.right - width - 8));
    return { left, top, hidden: lines.reduce((sum, text) => sum + Math.max(0, text.right - left), 0), fits: top >= room.top && top + height <= room.bottom };
  };
  const after = Math.min(frame.bottom, texts.at(-1)?.bottom ?? 0) + 4;
  const [below, beside, ...others] = [token.bottom + 4, token.top, token.top - height - 4, after].map(at);
  const places = [below, ...(beside.hidden ? [] : [beside]), ...others].filter((each) => each.fits && each.top - token.bottom < FAR);
  const best = places.reduce((least, each) => (each.hidden < least.hidden ? each : least), places[0] ?? below);
  card.style.left = `${best.left - frame.left}px`;
  card.style.top = `${best.top - frame.top}px`;
}

function cardParts(record, token, component) {
  const entry = record.tokens[token];
  const label = componentsOf(record).find((each) => each.key === component)?.label ?? component;
  const parts = provenance(record, token).filter(({ value }) => value);
  const marks = covering(record, token).slice(0, MOST_FINDINGS);
  const why = whyZero(record, token);
  return [
    h("div", {}, h("b", {}, entry.text ? inline(entry.text) : "end"), ` ${inline(label)} `, h("b", {}, number(tokenValue(entry, component), { sign: component !== "logprob" }))),
    component === "reward" ? null : h("div", {}, "total ", number(entry.reward, { sign: true })),
    h("div", { class: "said" }, parts.map(({ component: name, value }) => `${inline(name)} ${number(value, { sign: true, digits: 2 })}`).join(" · ")),
    why ? h("div", { class: "said" }, why) : null,
    marks.map((finding) => h("div", {}, h("span", { class: `letter ${finding.letter}` }, finding.letter), ` ${inline(finding.code)}: ${inline(finding.message)}`)),
  ];
}
