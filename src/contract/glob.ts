/**
 * Glob patterns, as Redis has them: `*` any characters, `?` one, `[a-z]` one of a set, `[^a]` none of it, `\` the next as it is.
 * Invariant: a pattern is read once, however many texts it is compared with; the time for each of these is bounded by the product of
 * both lengths, and who compares many texts may bound it for all of them.
 */

/** Is told how many characters are compared once more, because a `*` takes another one; throws where they were too many. */
export type ComparedAgain = (characters: number) => void;

/** Whether a text matches as a whole. */
export type Matcher = (text: string, again?: ComparedAgain) => boolean;

/**
 * Reads a pattern, for all the texts that it is compared with. None of them is longer than `longest`: a pattern that takes more
 * matches none, and is not read to its end.
 * @example matcher("mail-*")("mail-2026") // true
 */
export function matcher(pattern: string, longest = Number.POSITIVE_INFINITY): Matcher {
  const glob = globOf(pattern, longest);
  if (glob === undefined) return () => false;
  return (text, again = () => {}) => {
    // To Redis the empty text matches the empty pattern alone, and not `*`.
    if (text === "" || pattern === "") return text === pattern;
    return text.length >= glob.least && matches(glob, text, again);
  };
}

/** What a place of a pattern takes, as a number: a character by its code, or one of these. */
const ANY = 0x1_0000;
const STAR = 0x1_0001;
/** The sets by their numbers, from here on. */
const SETS = 0x1_0002;

/** A pattern that was read. It is held as long as somebody follows it, so that it takes little more than its text. */
interface Glob {
  readonly parts: Int32Array;
  readonly sets: readonly CharacterSet[];
  /** How many characters a text has that matches. */
  readonly least: number;
}

function matches(glob: Glob, text: string, again: ComparedAgain): boolean {
  const { parts } = glob;
  let part = 0;
  let at = 0;
  // The last `*`, and where the text behind what it stands for began: only the last one ever has to take more.
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (parts[part] === STAR) {
      star = part;
      starAt = at;
      part += 1;
      if (part === parts.length) return true;
    } else if (isTaken(glob, part, text.charCodeAt(at))) {
      part += 1;
      at += 1;
    } else if (star >= 0) {
      again(at - starAt);
      starAt += 1;
      at = starAt;
      part = star + 1;
    } else return false;
  }
  // Stars in a row are one.
  return part + (parts[part] === STAR ? 1 : 0) === parts.length;
}

/** Whether a place of a pattern, which is no `*`, takes a character. */
function isTaken({ parts, sets }: Glob, part: number, unit: number): boolean {
  const own = parts[part];
  if (own === unit || own === ANY) return true;
  const set = own === undefined ? undefined : sets[own - SETS];
  return set !== undefined && isOneOf(set, unit);
}

/** Reads a pattern; undefined where a text that matches would be too long. */
function globOf(pattern: string, longest: number): Glob | undefined {
  const parts: number[] = [];
  const sets: CharacterSet[] = [];
  let least = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const unit = pattern[at];
    if (unit === "*") {
      if (parts.at(-1) !== STAR) parts.push(STAR);
      continue;
    }
    least += 1;
    if (least > longest) return undefined;
    if (unit === "?") {
      parts.push(ANY);
    } else if (unit === "[") {
      const { set, end } = setAt(pattern, at + 1);
      parts.push(SETS + sets.length);
      sets.push(set);
      at = end;
    } else {
      if (unit === "\\" && at + 1 < pattern.length) at += 1;
      parts.push(pattern.charCodeAt(at));
    }
  }
  return { parts: Int32Array.from(parts), sets, least };
}

/** The characters of a set, or all others: the first and the last of each range, in order, of which none overlap. */
interface CharacterSet {
  readonly isNot: boolean;
  readonly bounds: readonly number[];
}

function isOneOf({ isNot, bounds }: CharacterSet, unit: number): boolean {
  let low = 0;
  let high = bounds.length / 2;
  // The number of ranges that begin at the character or before it, by halves: a set may have many.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[2 * middle] ?? 0) <= unit) low = middle + 1;
    else high = middle;
  }
  const isWithin = low > 0 && unit <= (bounds[2 * low - 1] ?? -1);
  return isWithin !== isNot;
}

/** A set, which begins behind its `[`, and where its `]` is; one that is not closed goes to the pattern's end. */
function setAt(pattern: string, from: number): { set: CharacterSet; end: number } {
  const isNot = pattern[from] === "^";
  // Each range as one number, so that a long set that repeats itself takes no more than a short one.
  const ranges = new Set<number>();
  let at = isNot ? from + 1 : from;
  for (; at < pattern.length && pattern[at] !== "]"; at += 1) {
    const isEscape = pattern[at] === "\\" && at + 1 < pattern.length;
    if (isEscape) at += 1;
    const isRange = !isEscape && pattern[at + 1] === "-" && at + 2 < pattern.length;
    const [a, b] = [pattern.charCodeAt(at), pattern.charCodeAt(isRange ? at + 2 : at)];
    ranges.add(Math.min(a, b) * UNITS + Math.max(a, b));
    if (isRange) at += 2;
  }
  return { set: { isNot, bounds: boundsOf(ranges) }, end: at };
}

const UNITS = 0x1_0000;

/** The bounds of ranges, of which those that overlap are one. */
function boundsOf(ranges: ReadonlySet<number>): number[] {
  const bounds: number[] = [];
  for (const range of [...ranges].sort((a, b) => a - b)) {
    const [low, high] = [Math.floor(range / UNITS), range % UNITS];
    const last = bounds.at(-1) ?? -1;
    if (low > last) bounds.push(low, high);
    else bounds[bounds.length - 1] = Math.max(last, high);
  }
  return bounds;
}
