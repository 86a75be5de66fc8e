/**
 * How `{{input.field}}` in the arguments of a plan's tasks becomes the value of that field of a job's input.
 * Invariant: linear in the lengths of plan and input, no depth overflows the stack, and a value is never substituted again.
 */
import type { JsonText } from "./json.ts";

/** A task of a plan, as AGQ writes it. */
export interface Task {
  /** 1 for the first task, and one more for each. */
  readonly task_number: number;
  /** The program, found on the PATH unless it has a slash. It takes no placeholders. */
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly timeout_secs?: number | undefined;
  /** The number of the earlier task whose output this one reads. */
  readonly input_from_task?: number | undefined;
}

/** A task as it is run for one job: its arguments are the program's, and defaults are filled in. */
export interface ResolvedTask {
  readonly task_number: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly timeout_secs: number;
  readonly input_from_task?: number;
}

/** Why the tasks of a plan cannot be run with an input. */
export interface PlaceholderProblem {
  readonly reason:
    | "field_missing"
    | "field_not_plain"
    | "argument_nul"
    | "argument_too_long"
    | "arguments_too_long";
  /** The task's number. */
  readonly task: number;
  /** The argument's index among the task's `args`, from 0. */
  readonly argument: number;
  /** The field that is missing, or is not plain. */
  readonly field?: string;
  /** All of it as a sentence for people. */
  readonly detail: string;
}

/** What a task may take unless it says something else, in seconds. */
export const TIMEOUT_SECS_DEFAULT = 300;
/** An argument after substitution, in UTF-16 units: a system refuses far longer ones. */
export const ARGUMENT_UNITS_MAX = 65_536;
/**
 * All arguments of a job together, in UTF-16 units. A short plan may name a long value ten thousand times, and whoever shows or
 * runs its tasks has them all at once.
 */
export const ARGUMENTS_UNITS_MAX = 2_097_152;
/** Of a long field name, this much is shown. */
const FIELD_UNITS_SHOWN = 100;

/** A piece of an argument: a text that is meant as it is, or a field of the input. */
type Part = string | { readonly field: string };

const PLACEHOLDER = /\{\{input\.([A-Za-z0-9_]+)\}\}/y;

/**
 * The pieces of an argument, whose language is this, read from left to right:
 * - Backslashes mean something only directly before `{{`. There each two stand for one, and one that is left over
 *   makes the `{{` literal: `\{{` is `{{`, `\\{{` is a backslash and then what `{{` would be.
 * - `{{input.NAME}}`, where NAME is of A-Z, a-z, 0-9 and _, is the value of that field.
 * - All else stands for itself, also a `{{` that begins no placeholder: `{{.Names}}`, `{{ input.x }}`.
 *
 * So any text is written as an argument by writing, for each `{{` in it from the left, the backslashes directly before
 * it twice and one more: `text.replace(/(\\*)\{\{/g, "$1$1\\{{")`.
 */
function partsOf(arg: string): Part[] {
  const parts: Part[] = [];
  let copied = 0;
  let from = 0;
  for (let open = arg.indexOf("{{"); open >= 0; open = arg.indexOf("{{", from)) {
    let slashes = 0;
    while (open - slashes > copied && arg[open - slashes - 1] === "\\") slashes++;
    parts.push(arg.slice(copied, open - Math.ceil(slashes / 2)));
    copied = open;
    PLACEHOLDER.lastIndex = open;
    const field = slashes % 2 === 0 ? PLACEHOLDER.exec(arg)?.[1] : undefined;
    if (field !== undefined) {
      parts.push({ field });
      copied = PLACEHOLDER.lastIndex;
      from = copied;
    } else {
      // The second brace of a literal pair belongs to it; of a `{{` that is nothing, it may begin a placeholder.
      from = slashes % 2 === 0 ? open + 1 : open + 2;
    }
  }
  parts.push(arg.slice(copied));
  return parts;
}

/**
 * The fields of the input that tasks name, each once, in the order of their first place.
 * @example placeholdersOf([{ task_number: 1, command: "echo", args: ["{{input.a}}-{{input.b}}"] }]) // ["a", "b"]
 */
export function placeholdersOf(tasks: readonly Task[]): string[] {
  const fields = new Set<string>();
  for (const { args = [] } of tasks) {
    for (const arg of args) {
      for (const part of partsOf(arg)) if (typeof part !== "string") fields.add(part.field);
    }
  }
  return [...fields];
}

/**
 * The tasks as they are run for a job with this input, a valid JSON text; or the first problem, in the order of the
 * tasks and their arguments. A string is put in as it is, a number as the input writes it, true and false as words,
 * null as nothing. An object, an array, a field that is not there and a result with a NUL or with more than
 * `ARGUMENT_UNITS_MAX` UTF-16 units are problems, and so are results of more than `ARGUMENTS_UNITS_MAX` in all.
 * @example
 * const tasks = [{ task_number: 1, command: "echo", args: ["n={{input.n}}", "\\{{input.n}}"] }];
 * resolveTasks(tasks, '{"n": 1.50}')
 * // [{ task_number: 1, command: "echo", args: ["n=1.50", "{{input.n}}"], timeout_secs: 300 }]
 * resolveTasks(tasks, "null") // { reason: "field_missing", task: 1, argument: 0, field: "n", detail: "…" }
 */
export function resolveTasks(
  tasks: readonly Task[],
  inputText: JsonText,
): ResolvedTask[] | PlaceholderProblem {
  const fieldValue = plainValuesOf(inputText);
  const resolved: ResolvedTask[] = [];
  let units = 0;
  for (const task of tasks) {
    const args: string[] = [];
    for (const [argument, arg] of (task.args ?? []).entries()) {
      const text = substitute(arg, fieldValue);
      if (typeof text !== "string") return problemAt(task.task_number, argument, text);
      units += text.length;
      if (units > ARGUMENTS_UNITS_MAX) {
        return problemAt(task.task_number, argument, { reason: "arguments_too_long" });
      }
      args.push(text);
    }
    const { task_number, command, timeout_secs = TIMEOUT_SECS_DEFAULT, input_from_task } = task;
    const own = { task_number, command, args, timeout_secs };
    resolved.push(input_from_task === undefined ? own : { ...own, input_from_task });
  }
  return resolved;
}

/**
 * Tells of inputs whether `resolveTasks` would find no problem, at the cost of an addition for each placeholder: a plan may name
 * tens of thousands of them, and an action has a thousand inputs.
 * @example inputCheck([{ task_number: 1, command: "echo", args: ["{{input.a}}"] }])('{"a":1}') // true
 */
export function inputCheck(tasks: readonly Task[]): (inputText: JsonText) => boolean {
  const places = new Map<string, number>();
  const placeOf = (field: string): number => {
    const place = places.get(field) ?? places.size;
    places.set(field, place);
    return place;
  };
  const shapes = tasks.flatMap(({ args = [] }) =>
    args.map((arg) => {
      const parts = partsOf(arg);
      const own = parts.filter((part) => typeof part === "string").join("");
      const named = parts.flatMap((part) =>
        typeof part === "string" ? [] : [placeOf(part.field)],
      );
      return { units: own.includes("\0") ? Infinity : own.length, named };
    }),
  );
  return (inputText) => {
    const fieldText = plainValuesOf(inputText);
    const lengths: number[] = [];
    for (const field of places.keys()) {
      const text = fieldText(field);
      if (typeof text !== "string") return false;
      lengths.push(text.length);
    }
    let all = 0;
    for (const { units, named } of shapes) {
      let whole = units;
      for (const place of named) whole += lengths[place] ?? 0;
      if (whole > ARGUMENT_UNITS_MAX) return false;
      all += whole;
    }
    return all <= ARGUMENTS_UNITS_MAX;
  };
}

/** A problem of one argument, before its place is known. */
type Flaw = Pick<PlaceholderProblem, "reason" | "field">;

function problemAt(task: number, argument: number, flaw: Flaw): PlaceholderProblem {
  const { field = "" } = flaw;
  const shown = field.length > FIELD_UNITS_SHOWN ? `${field.slice(0, FIELD_UNITS_SHOWN)}…` : field;
  const why = {
    field_missing: `the input has no field ${shown}`,
    field_not_plain: `the input's field ${shown} is an object or an array, which is no argument`,
    argument_nul: "an argument cannot hold the character NUL",
    argument_too_long: `with its values it has more than ${ARGUMENT_UNITS_MAX} UTF-16 units`,
    arguments_too_long: `with it all arguments have more than ${ARGUMENTS_UNITS_MAX} UTF-16 units`,
  }[flaw.reason];
  return { ...flaw, task, argument, detail: `Task ${task}, args[${argument}]: ${why}.` };
}

/**
 * An argument with its values. It is joined only if it is short enough, and looked at only by its pieces: a plan of
 * many arguments that name one long value then shares that value instead of copying it.
 */
function substitute(arg: string, fieldValue: (field: string) => string | Flaw): string | Flaw {
  let text = "";
  for (const part of partsOf(arg)) {
    const piece = typeof part === "string" ? literal(part) : fieldValue(part.field);
    if (typeof piece !== "string") return piece;
    if (text.length + piece.length > ARGUMENT_UNITS_MAX) return { reason: "argument_too_long" };
    text += piece;
  }
  return text;
}

const literal = (text: string): string | Flaw =>
  text.includes("\0") ? { reason: "argument_nul" } : text;

/** What the engine's `JSON.parse` can do and the compiler's library does not tell yet. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, at: JsonPlace) => unknown): unknown;
}
interface JsonPlace {
  /** How the value is written; only for values that hold no others. */
  readonly source?: string;
}

/** Gives for a name of a field its value as the text to put in; each is made once. */
function plainValuesOf(inputText: JsonText): (field: string) => string | Flaw {
  const input = (JSON as unknown as ExactJson).parse(withoutDepths(inputText), (_, value, at) =>
    typeof value === "number" ? at.source : value,
  );
  const made = new Map<string, string | Flaw>();
  const make = (field: string): string | Flaw => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      return { reason: "field_missing", field };
    }
    if (!Object.hasOwn(input, field)) return { reason: "field_missing", field };
    const value = (input as Readonly<Record<string, unknown>>)[field];
    if (value === null) return "";
    if (typeof value === "object") return { reason: "field_not_plain", field };
    return literal(String(value));
  };
  return (field) => {
    const value = made.get(field) ?? make(field);
    made.set(field, value);
    return value;
  };
}

/**
 * A JSON text in which the objects and arrays inside the outermost value are empty: a parse with a reviver calls
 * itself for each depth, and an input may be as deep as it is long.
 * @example withoutDepths('{"a":[[1]],"b":2}') // '{"a":[],"b":2}'
 */
function withoutDepths(text: JsonText): JsonText {
  let kept = "";
  let copied = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at++;
        while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
        break;
      case "{":
      case "[":
        if (++depth === 2) kept += text.slice(copied, at + 1);
        break;
      case "}":
      case "]":
        if (--depth === 1) copied = at;
    }
  }
  return kept + text.slice(copied);
}
