/**
 * What the Redis commands of strings should do.
 * Invariant: as `redis-call.ts` has it.
 */
import { change, remove, replace, setTime } from "./names.ts";
import {
  type Call,
  integerReply,
  OK,
  type Reply,
  type Shape,
  sliceOf,
  sumOf,
} from "./redis-call.ts";

const textOf = (call: Call, name: string): string | undefined => call.typed(name, "string")?.text;

function put(call: Call, name: string, text: string, until?: number): void {
  replace(call.turn, "string.set", name, { type: "string", text }, until);
}

const changeTo = (call: Call, event: string, text: string): void =>
  change(call.turn, event, call.arg(0), { type: "string", text });

/** NX or XX, GET, KEEPTTL or a time in milliseconds: in this order where they are drawn. */
function set(call: Call): Reply {
  const [name, text] = [call.arg(0), call.arg(1)];
  const options = call.options(2);
  const isTimed = options.includes("px");
  const isWrong = (options.includes("nx") && options.includes("xx")) || options.at(-1) === "px";
  if (isWrong || (isTimed && options.includes("keepttl"))) call.err("ERR syntax error");
  const until = isTimed ? call.until(options[options.indexOf("px") + 1] ?? "", true) : undefined;
  const old = options.includes("get") ? (textOf(call, name) ?? null) : null;
  const isThere = call.named(name) !== undefined;
  if (options.includes("nx") ? isThere : options.includes("xx") && !isThere) return old;
  if (options.includes("keepttl")) keep(call, name, text);
  else put(call, name, text, until);
  return options.includes("get") ? old : OK;
}

/** Another value of whatever type it was, which keeps its time. */
function keep(call: Call, name: string, text: string): void {
  put(call, name, text, call.named(name)?.until);
}

function setnx(call: Call): Reply {
  if (call.named(call.arg(0)) !== undefined) return 0;
  put(call, call.arg(0), call.arg(1));
  return 1;
}

function getdel(call: Call): Reply {
  const text = textOf(call, call.arg(0)) ?? null;
  remove(call.turn, call.arg(0));
  return text;
}

/** With a time in milliseconds, or PERSIST. */
function getex(call: Call): Reply {
  const [option] = call.options(1);
  const text = textOf(call, call.arg(0)) ?? null;
  const found = call.named(call.arg(0));
  if (found === undefined) return null;
  const until = option === "px" ? call.until(call.arg(2), true) : undefined;
  const isChange = option === "px" || (option === "persist" && found.until !== undefined);
  if (isChange) setTime(call.turn, call.arg(0), found, until);
  return text;
}

function append(call: Call): Reply {
  const old = textOf(call, call.arg(0));
  const text = (old ?? "") + call.arg(1);
  if (old === undefined) put(call, call.arg(0), text);
  else if (text !== old) changeTo(call, "string.patched", text);
  return text.length;
}

function setrange(call: Call): Reply {
  const offset = call.number(call.arg(1));
  const patch = call.arg(2);
  if (offset < 0) call.err("ERR offset is out of range");
  const old = textOf(call, call.arg(0)) ?? "";
  if (patch === "") return old.length;
  const head = old.slice(0, offset).padEnd(offset, "\0");
  const text = head + patch + old.slice(offset + patch.length);
  changeTo(call, "string.patched", text);
  return text.length;
}

function getrange(call: Call): Reply {
  const [start, stop] = [call.number(call.arg(1)), call.number(call.arg(2))];
  const text = textOf(call, call.arg(0)) ?? "";
  // From behind the end to before the beginning there is nothing.
  if (start < 0 && stop < 0 && start > stop) return "";
  const last = stop < 0 ? Math.max(0, stop + text.length) : stop;
  return sliceOf([...text], start, last).join("");
}

function increase(call: Call, by: bigint): Reply {
  const old = call.integer(textOf(call, call.arg(0)) ?? "0");
  const sum = sumOf(call, old, by);
  changeTo(call, "string.set", sum);
  return integerReply(sum);
}

function mset(call: Call): Reply {
  if (call.args.length % 2 !== 0) call.err("ERR wrong number of arguments for 'mset' command");
  for (let i = 0; i < call.args.length; i += 2) put(call, call.arg(i), call.arg(i + 1));
  return OK;
}

const isString = (call: Call, name: string): boolean => call.named(name)?.value.type === "string";

export const stringCalls: Readonly<Record<string, Shape>> = {
  append: { words: 3, grows: true, does: append },
  decr: { words: 2, grows: true, does: (call) => increase(call, -1n) },
  get: { words: 2, does: (call) => textOf(call, call.arg(0)) ?? null },
  getdel: { words: 2, does: getdel },
  getex: { words: 2, isOpen: true, does: getex },
  getrange: { words: 4, does: getrange },
  incrby: { words: 3, grows: true, does: (call) => increase(call, call.integer(call.arg(1))) },
  mget: {
    ...{ words: 2, isOpen: true },
    does: (call) =>
      call.args.map((name) => (isString(call, name) ? (textOf(call, name) ?? null) : null)),
  },
  mset: { words: 3, isOpen: true, grows: true, does: mset },
  set: { words: 3, isOpen: true, grows: true, does: set },
  setnx: { words: 3, grows: true, does: setnx },
  setrange: { words: 4, grows: true, does: setrange },
  strlen: { words: 2, does: (call) => textOf(call, call.arg(0))?.length ?? 0 },
};
