// A small language to choose samples: `reward < 0 and code == "E0602"`. Parsed into a function of a sample.
// Not here: what a sample's fields are (samples).

const WORDS = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([A-Za-z_][\w./:@-]*)|(==|!=|<=|>=|<|>|~|\(|\)))/y;
const COMPARED = new Set(["==", "!=", "<", "<=", ">", ">=", "~"]);

/** Whether a text is meant as an expression: it compares one of the fields with something. */
export function isExpression(text, fields) {
  const match = /^[\s(]*(?:not[\s(]+)*([A-Za-z_]\w*)\s*(==|!=|<=|>=|<|>|~)/.exec(text);
  return Boolean(match && match[1] in fields);
}

/**
 * A function of a sample that says whether it satisfies the expression. `fields` maps a name to a function of a sample that gives a
 * number, a text, or a list of texts. Of a list, `==` and `~` want one that fits, `!=` wants none. `~` is "contains", in any case.
 * Throws an Error that says what was expected where.
 */
export function compileExpression(text, fields) {
  const words = wordsOf(text);
  let at = 0;
  const peek = () => words[at] ?? { text: "the end", place: text.length };
  const take = () => words[at++];
  const fail = (wanted) => {
    throw new Error(`${wanted} expected at ${peek().place + 1}, found ${peek().text}`);
  };
  const isWord = (word) => peek().kind === "name" && peek().text.toLowerCase() === word;
  const anyOf = () => {
    let left = allOf();
    while (isWord("or")) {
      take();
      const [one, other] = [left, allOf()];
      left = (sample) => one(sample) || other(sample);
    }
    return left;
  };
  const allOf = () => {
    let left = single();
    while (isWord("and")) {
      take();
      const [one, other] = [left, single()];
      left = (sample) => one(sample) && other(sample);
    }
    return left;
  };
  const single = () => {
    if (isWord("not")) {
      take();
      const inner = single();
      return (sample) => !inner(sample);
    }
    if (peek().text === "(") {
      take();
      const inner = anyOf();
      if (peek().text !== ")") fail(")");
      take();
      return inner;
    }
    return comparison();
  };
  const comparison = () => {
    if (peek().kind !== "name" || !(peek().text in fields)) fail(`a field (${Object.keys(fields).join(", ")})`);
    const field = fields[take().text];
    if (!COMPARED.has(peek().text)) fail("one of == != < <= > >= ~");
    const operator = take().text;
    if (!["number", "string", "name"].includes(peek().kind)) fail("a number or a text");
    const { kind, text: word, value } = take();
    const wanted = kind === "name" ? word : value;
    return (sample) => compares(field(sample), operator, wanted);
  };
  const whole = anyOf();
  if (at < words.length) fail("and, or, or the end");
  return whole;
}

function wordsOf(text) {
  const words = [];
  WORDS.lastIndex = 0;
  while (WORDS.lastIndex < text.trimEnd().length) {
    const place = WORDS.lastIndex;
    const match = WORDS.exec(text);
    if (!match) throw new Error(`a field, a value or an operator expected at ${place + 1}`);
    const [, string, digits, name, operator] = match;
    const kind = string ? "string" : digits ? "number" : name ? "name" : "operator";
    words.push({ kind, text: string ?? digits ?? name ?? operator, place: WORDS.lastIndex - (string ?? digits ?? name ?? operator).length, value: string ? string.slice(1, -1).replace(/\\(.)/g, "$1") : Number(digits) });
  }
  return words;
}

function compares(value, operator, wanted) {
  if (Array.isArray(value)) return operator === "!=" ? !value.includes(String(wanted)) : value.some((each) => compares(each, operator, wanted));
  if (value === null || value === undefined) return operator === "!=";
  if (operator === "~") return String(value).toLowerCase().includes(String(wanted).toLowerCase());
  const [left, right] = typeof value === "number" ? [value, Number(wanted)] : [String(value), String(wanted)];
  switch (operator) {
    case "==": return left === right;
    case "!=": return left !== right;
    case "<": return left < right;
    case "<=": return left <= right;
    case ">": return left > right;
    default: return left >= right;
  }
}
