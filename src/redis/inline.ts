/**
 * Inline commands: a line of words as one types it into telnet, with quotes as Redis reads them.
 * Invariant: what a quoted word says is bytes: `"\\xff"` is one of them.
 */

/** What a backslash and a letter stand for within double quotes. */
const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07",
};

/** What stands between words, and behind a quote that ends one. */
const isSpace = (char: string): boolean => " \t\n\r\v\f\0".includes(char);

/** What ends a word that has begun: of spaces, two do not. */
const endsWord = (char: string): boolean => " \t\n\r\0".includes(char);

/** One quoted stretch: what it says, and where it ends behind its quote. */
interface Quoted {
  readonly text: string;
  readonly end: number;
}

/** The words of a line; undefined where a quote is not closed, or does not end its word. @example splitInline('SET a "b c"') */
export function splitInline(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line.charAt(at))) at++;
    if (at >= line.length) return words;
    let word = "";
    while (at < line.length && !endsWord(line.charAt(at))) {
      const char = line.charAt(at);
      if (char !== '"' && char !== "'") {
        word += char;
        at += 1;
        continue;
      }
      const quoted = char === '"' ? doubleQuoted(line, at + 1) : singleQuoted(line, at + 1);
      if (quoted === undefined) return undefined;
      word += quoted.text;
      at = quoted.end;
      if (at < line.length && !isSpace(line.charAt(at))) return undefined;
    }
    words.push(word);
  }
}

function doubleQuoted(line: string, start: number): Quoted | undefined {
  let text = "";
  for (let at = start; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '"') return { text, end: at + 1 };
    if (char !== "\\" || at + 1 >= line.length) {
      text += char;
      continue;
    }
    const hex = /^x[0-9a-fA-F]{2}/.exec(line.slice(at + 1, at + 4));
    const next = line.charAt(at + 1);
    text += hex
      ? String.fromCharCode(Number.parseInt(hex[0].slice(1), 16))
      : (escapes[next] ?? next);
    at += hex ? 3 : 1;
  }
  return undefined;
}

function singleQuoted(line: string, start: number): Quoted | undefined {
  let text = "";
  for (let at = start; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === "'") return { text, end: at + 1 };
    const isEscaped = char === "\\" && line.charAt(at + 1) === "'";
    text += isEscaped ? "'" : char;
    if (isEscaped) at += 1;
  }
  return undefined;
}
