/**
 * Finds places in JSON text without building its values: the source of chosen members, and the pointer of an offset.
 * Invariant: the text is known to be valid (JSON.parse accepted it), no depth overflows the stack, and members mean
 * what JSON.parse makes of them: escapes in names are read, and the last of equal names wins.
 */
import type { JsonText } from "./json.ts";

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_ARRAY = 91;
const BACKSLASH = 92;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
/** Up to here stand the four characters that JSON allows between tokens. */
const SPACE = 32;

function notJson(at: number): Error {
  return new Error(`raw-json: the text is not valid JSON at ${at}`);
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** Past the string whose opening quote is at `start`. */
function afterString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    // An odd number of backslashes escapes the quote itself.
    if ((end - escapes) % 2 === 0) return end + 1;
  }
  throw notJson(start);
}

/**
 * A text without the space between its tokens, which says nothing.
 * @example withoutSpace('{ "a b": 1.50 }') // '{"a b":1.50}'
 */
export function withoutSpace(text: JsonText): JsonText {
  let without = "";
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = afterString(text, at);
    else if (code > SPACE) at += 1;
    else {
      without += text.slice(from, at);
      at = afterSpace(text, at);
      from = at;
    }
  }
  return without + text.slice(from);
}

/** Whether more arrays and objects stand within one another than so many. @example isDeeper('{"a":[1]}', 1) // true */
export function isDeeper(text: JsonText, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) depth += 1;
    else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) depth -= 1;
    if (depth > most) return true;
    at = unit === QUOTE ? afterString(text, at) : at + 1;
  }
  return false;
}

/** Past the number, true, false or null that begins at `start`. */
function afterScalar(text: string, start: number): number {
  for (let at = start; ; at++) {
    const unit = text.charCodeAt(at);
    // NaN, at the end of the text, is not above the space either.
    if (!(unit > SPACE) || unit === COMMA || unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) {
      return at;
    }
  }
}

/** Past the value that begins at `start`. */
function afterValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return afterString(text, start);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return afterScalar(text, start);
  let depth = 1;
  for (let at = start + 1; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    at++;
    if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) depth++;
    else if ((unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) && --depth === 0) return at;
  }
  throw notJson(start);
}

/** The string that stands between two offsets, quotes included. */
function stringAt(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : inner;
}

/** Calls `visit` with each member of the object at `start`; it answers where the member's value ends. */
function eachMember(
  text: string,
  start: number,
  visit: (name: string, valueAt: number) => number,
): number {
  let at = afterSpace(text, start + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = afterString(text, at);
    const colon = afterSpace(text, nameEnd);
    if (text.charCodeAt(colon) !== COLON) throw notJson(colon);
    const end = visit(stringAt(text, at, nameEnd), afterSpace(text, colon + 1));
    at = afterSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = afterSpace(text, at + 1);
  }
  if (text.charCodeAt(at) !== CLOSE_OBJECT) throw notJson(at);
  return at + 1;
}

/** Calls `visit` with each element of the array at `start`; it answers where the element ends. */
function eachElement(text: string, start: number, visit: (valueAt: number) => number): number {
  let at = afterSpace(text, start + 1);
  while (text.charCodeAt(at) !== CLOSE_ARRAY) {
    const end = visit(at);
    if (end === at) throw notJson(at);
    at = afterSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = afterSpace(text, at + 1);
  }
  return at + 1;
}

/**
 * The source text of a member of an object, or of each object of a list inside it. An object has at most one of the
 * names; a slot without one is undefined.
 * @example rawMembers('{ "payload": 1.0 }', ["payload"]) // ["1.0"]
 * @example rawMembers('{"jobs":[{"payload":1e2},{}]}', ["payload"], "jobs") // ["1e2", undefined]
 */
export function rawMembers(
  text: string,
  names: readonly string[],
  list?: string,
): readonly (JsonText | undefined)[] {
  let slots: (JsonText | undefined)[] = [];
  const readObject = (objectAt: number): number => {
    let found: JsonText | undefined;
    // Only an earlier of two lists of one name may hold other things than objects.
    if (text.charCodeAt(objectAt) !== OPEN_OBJECT) return afterValue(text, objectAt);
    const end = eachMember(text, objectAt, (name, valueAt) => {
      const valueEnd = afterValue(text, valueAt);
      if (names.includes(name)) found = text.slice(valueAt, valueEnd);
      return valueEnd;
    });
    slots.push(found);
    return end;
  };
  const readList = (name: string, valueAt: number): number => {
    if (name !== list || text.charCodeAt(valueAt) !== OPEN_ARRAY) return afterValue(text, valueAt);
    slots = [];
    return eachElement(text, valueAt, readObject);
  };
  const start = afterSpace(text, 0);
  if (list === undefined) readObject(start);
  else eachMember(text, start, readList);
  return slots;
}

/**
 * The source texts of the elements of the array under a name; none where there is no such array.
 * @example rawElements('{"inputs":[1.0, "a"]}', "inputs") // ["1.0", "\"a\""]
 */
export function rawElements(text: string, name: string): readonly JsonText[] {
  let found: JsonText[] = [];
  eachMember(text, afterSpace(text, 0), (member, valueAt) => {
    if (member !== name) return afterValue(text, valueAt);
    found = [];
    if (text.charCodeAt(valueAt) !== OPEN_ARRAY) return afterValue(text, valueAt);
    return eachElement(text, valueAt, (elementAt) => {
      const end = afterValue(text, elementAt);
      found.push(text.slice(elementAt, end));
      return end;
    });
  });
  return found;
}

/** A JSON Pointer (RFC 6901). @example pointerOf(["jobs", 17, "a/b"]) // "/jobs/17/a~1b" */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** The pointer of the value in which `offset` lies, or of the object when it lies in a member's name. */
export function pointerAt(text: string, offset: number): string {
  const path: (string | number)[] = [];
  for (let at = 0; at < offset; ) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      const end = afterString(text, at);
      const isName = text.charCodeAt(afterSpace(text, end)) === COLON;
      if (offset < end) return pointerOf(isName ? path.slice(0, -1) : path);
      if (isName) path[path.length - 1] = stringAt(text, at, end);
      at = end;
      continue;
    }
    const element = path.at(-1);
    if (unit === OPEN_OBJECT) path.push("");
    else if (unit === OPEN_ARRAY) path.push(0);
    else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) path.pop();
    else if (unit === COMMA && typeof element === "number") path[path.length - 1] = element + 1;
    at++;
  }
  return pointerOf(path);
}
