// A problem's text as Markdown. A library (marked) reads it into tokens; elements are made from those here, so text reaches the page
// through text nodes only, and HTML, links and pictures in it stay text: there is nothing left to sanitise.
// Not here: LaTeX, which stays as it is written.

import { h, visible } from "./dom.js";
import { marked } from "./vendor/marked.js";

const LONGEST = 50000; // characters; longer text is shown as it is

const INLINE = { strong: "strong", em: "em", del: "del" };

/** Elements of a text in Markdown; the text itself where it cannot be read as such. */
export function markdown(text) {
  const shown = visible(text);
  if (shown.length > LONGEST) return h("div", { class: "plain" }, shown);
  try {
    return h("div", { class: "markdown" }, blocks(marked.lexer(shown, { gfm: true, breaks: true })));
  } catch {
    return h("div", { class: "plain" }, shown);
  }
}

function blocks(tokens) {
  return tokens.map((token) => {
    switch (token.type) {
      case "space":
      case "def": return null;
      case "heading": return h("p", { class: "md-heading" }, pieces(token.tokens));
      case "paragraph": return h("p", {}, pieces(token.tokens));
      case "code": return h("div", { class: "md-code" }, token.text.trimEnd());
      case "blockquote": return h("blockquote", {}, blocks(token.tokens));
      case "hr": return h("hr", {});
      case "list": return h(token.ordered ? "ol" : "ul", token.ordered && token.start > 1 ? { start: token.start } : {}, token.items.map((item) => h("li", {}, blocks(item.tokens))));
      case "table": return h("table", {}, h("thead", {}, h("tr", {}, token.header.map((cell) => h("th", { scope: "col" }, pieces(cell.tokens))))), h("tbody", {}, token.rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, pieces(cell.tokens)))))));
      case "text": return token.tokens ? h("span", {}, pieces(token.tokens)) : token.text;
      default: return h("p", {}, token.raw); // HTML among it
    }
  });
}

function pieces(tokens) {
  return (tokens ?? []).map((token) => {
    if (token.type in INLINE) return h(INLINE[token.type], {}, pieces(token.tokens));
    if (token.type === "codespan") return h("code", {}, token.text);
    if (token.type === "br") return h("br");
    if (token.type === "text" && token.tokens) return pieces(token.tokens);
    return token.type === "text" || token.type === "escape" ? token.text : token.raw;
  });
}
