/**
 * Where text stops being what a gate takes: the first character that is not JSON, the first lone surrogate.
 * Invariant: runs only for text that is about to be refused or that has surrogate escapes, and no depth overflows the stack.
 */

const VALUE = /"|\{|\[|true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING_PART = /[ !#-[\]-\uffff]+|\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SPACE = /[ \t\r\n]*/y;

/** Where the match of a sticky pattern at `at` ends, or undefined when there is none. */
function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

type Expected = "value" | "element or ]" | "name" | "name or }" | "colon" | "comma or end";

/** Reads JSON token by token, as far as it is JSON. */
class Reader {
  at = 0;
  readonly #text: string;
  readonly #open: ("{" | "[")[] = [];
  #expected: Expected = "value";

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether all of the text is one JSON value; if not, `at` is where it stops being one. */
  readAll(): boolean {
    for (;;) {
      this.#skip(SPACE);
      const done = this.#open.length === 0 && this.#expected === "comma or end";
      if (done) return this.at === this.#text.length;
      if (!this.#readToken(this.#text[this.at] ?? "")) return false;
    }
  }

  #skip(pattern: RegExp): boolean {
    const end = matchEnd(pattern, this.#text, this.at);
    if (end !== undefined) this.at = end;
    return end !== undefined;
  }

  #readToken(first: string): boolean {
    const inside = this.#open.at(-1);
    switch (this.#expected) {
      case "value":
        return this.#readValue(first);
      case "element or ]":
        return first === "]" ? this.#close() : this.#readValue(first);
      case "name":
        return first === '"' && this.#readString("colon");
      case "name or }":
        return first === "}" ? this.#close() : first === '"' && this.#readString("colon");
      case "colon":
        return first === ":" && this.#pass("value");
      case "comma or end":
        if (first === ",") return this.#pass(inside === "{" ? "name" : "value");
        return first === (inside === "{" ? "}" : "]") && this.#close();
    }
  }

  #readValue(first: string): boolean {
    if (first === '"') return this.#readString("comma or end");
    if (!this.#skip(VALUE)) return false;
    this.#expected = "comma or end";
    if (first === "{" || first === "[") {
      this.#open.push(first);
      this.#expected = first === "{" ? "name or }" : "element or ]";
    }
    return true;
  }

  #readString(next: Expected): boolean {
    this.at++;
    while (this.#skip(STRING_PART));
    return this.#text[this.at] === '"' && this.#pass(next);
  }

  #close(): boolean {
    this.#open.pop();
    return this.#pass("comma or end");
  }

  #pass(next: Expected): boolean {
    this.at++;
    this.#expected = next;
    return true;
  }
}

/**
 * The offset of the first character that is not JSON, or undefined when the text is JSON.
 * @example jsonErrorAt('{"a":x}') // 5
 */
export function jsonErrorAt(text: string): number | undefined {
  const reader = new Reader(text);
  return reader.readAll() ? undefined : reader.at;
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const ESCAPE = /\\(?:u([\da-fA-F]{4})|.)/g;

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * The offset of the first escape in valid JSON that makes a lone surrogate, or undefined. The text itself must have none,
 * as everything decoded from UTF-8.
 * @example loneSurrogateAt('["\\ud83d\\ude00", "\\ud83d"]') // 18
 */
export function loneSurrogateAt(text: string): number | undefined {
  if (!SURROGATE_ESCAPE.test(text)) return undefined;
  let high: number | undefined;
  for (const match of text.matchAll(ESCAPE)) {
    const unit = Number.parseInt(match[1] ?? "", 16);
    const adjacent = high !== undefined && match.index === high + 6;
    if (high !== undefined && !(adjacent && isLow(unit))) return high;
    if (high === undefined && isLow(unit)) return match.index;
    high = high === undefined && isHigh(unit) ? match.index : undefined;
  }
  return high;
}
