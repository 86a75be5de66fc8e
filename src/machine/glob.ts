/**
 * Glob patterns, as Redis has them: `*` any characters, `?` one, `[a-z]` one of a set, `[^a]` none of it, `\` the next as it is.
 * Invariant: the time is bounded by the product of both lengths, whatever the pattern.
 */

/**
 * Whether a text matches a pattern as a whole.
 * @example matches("mail-*", "mail-2026") // true
 */
export function matches(pattern: string, text: string): boolean {
  const parts = partsOf(pattern);
  let part = 0;
  let at = 0;
  // The last `*`, and where the text behind what it stands for began: only the last one ever has to take more.
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const own = parts[part];
    if (own === "*") {
      star = part;
      starAt = at;
      part += 1;
    } else if (own?.(text.charCodeAt(at))) {
      part += 1;
      at += 1;
    } else if (star >= 0) {
      starAt += 1;
      at = starAt;
      part = star + 1;
    } else return false;
  }
  while (parts[part] === "*") part += 1;
  return part === parts.length;
}

/** What a place of a pattern takes: any characters, or one that it is asked about. */
type Part = "*" | ((unit: number) => boolean);

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const unit = pattern[at];
    if (unit === "*") {
      if (parts.at(-1) !== "*") parts.push("*");
    } else if (unit === "?") {
      parts.push(() => true);
    } else if (unit === "[") {
      const { takes, end } = setAt(pattern, at + 1);
      parts.push(takes);
      at = end;
    } else {
      if (unit === "\\" && at + 1 < pattern.length) at += 1;
      const wanted = pattern.charCodeAt(at);
      parts.push((found) => found === wanted);
    }
  }
  return parts;
}

/** A set, which begins behind its `[`, and where its `]` is; one that is not closed goes to the pattern's end. */
function setAt(pattern: string, from: number): { takes: (unit: number) => boolean; end: number } {
  const isNot = pattern[from] === "^";
  const ranges: (readonly [number, number])[] = [];
  let at = isNot ? from + 1 : from;
  for (; at < pattern.length && pattern[at] !== "]"; at += 1) {
    const isEscape = pattern[at] === "\\" && at + 1 < pattern.length;
    if (isEscape) at += 1;
    const isRange = !isEscape && pattern[at + 1] === "-" && at + 2 < pattern.length;
    const [low, high] = [pattern.charCodeAt(at), pattern.charCodeAt(isRange ? at + 2 : at)];
    ranges.push([Math.min(low, high), Math.max(low, high)]);
    if (isRange) at += 2;
  }
  const takes = (unit: number) =>
    ranges.some(([low, high]) => unit >= low && unit <= high) !== isNot;
  return { takes, end: at };
}
