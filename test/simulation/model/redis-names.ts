/**
 * What the Redis commands of names should do, whatever they name.
 * Invariant: as `redis-call.ts` has it.
 */
import { byHash, flush, remove, rename, replace, setTime } from "./names.ts";
import { type Call, OK, type Reply, type Shape } from "./redis-call.ts";

const del = (call: Call): Reply => call.args.filter((name) => remove(call.turn, name)).length;

/** A name is there until another time, unless the option bars it. */
function expireAt(call: Call, until: number): Reply {
  const name = call.arg(0);
  const [option = ""] = call.options(2);
  const found = call.named(name);
  if (found === undefined) return 0;
  const old = found.until ?? Infinity;
  const isBarred =
    (option === "nx" && old < Infinity) ||
    (option === "xx" && old === Infinity) ||
    (option === "gt" && until <= old) ||
    (option === "lt" && until >= old);
  if (isBarred) return 0;
  if (until <= call.turn.at) remove(call.turn, name);
  else setTime(call.turn, name, found, until);
  return 1;
}

function pexpire(call: Call): Reply {
  const [option = "nx"] = call.options(2);
  if (!["nx", "xx", "gt", "lt"].includes(option)) {
    call.err(`ERR Unsupported option ${call.arg(2)}`);
  }
  return expireAt(call, call.until(call.arg(1), false));
}

function persist(call: Call): Reply {
  const found = call.named(call.arg(0));
  if (found?.until === undefined) return 0;
  setTime(call.turn, call.arg(0), found);
  return 1;
}

/** −2 of a name that is not there, −1 of one without a time. */
function timed(call: Call, from: number): Reply {
  const found = call.named(call.arg(0));
  if (found === undefined) return -2;
  return found.until === undefined ? -1 : found.until - from;
}

/** `isFree`: only where the other name names nothing. */
function renameTo(call: Call, isFree: boolean): boolean {
  const [from = "", to = ""] = call.args;
  const found = call.named(from) ?? call.err("ERR no such key");
  if (isFree && call.named(to) !== undefined) return false;
  if (from !== to) rename(call.turn, from, to, found);
  return true;
}

function copy(call: Call): Reply {
  const [from = "", to = ""] = call.args;
  const [option] = call.options(2);
  if (option !== undefined && option !== "replace") call.err("ERR syntax error");
  if (from === to) call.err("ERR source and destination objects are the same");
  const found = call.named(from);
  const isTaken = call.named(to) !== undefined && option === undefined;
  if (found === undefined || isTaken) return 0;
  replace(call.turn, "name.copied", to, found.value, found.until);
  return 1;
}

function flushAll(call: Call): Reply {
  if (call.turn.state.names.all.size > 0) flush(call.turn);
  return OK;
}

/** All of them: no other pattern is drawn. */
const keys = (call: Call): Reply =>
  byHash(call.turn.state.names.all.keys()).filter((name) => call.named(name) !== undefined);

export const nameCalls: Readonly<Record<string, Shape>> = {
  copy: { words: 3, isOpen: true, grows: true, does: copy },
  dbsize: { words: 1, does: (call) => call.turn.state.names.all.size },
  del: { words: 2, isOpen: true, does: del },
  exists: {
    ...{ words: 2, isOpen: true },
    does: (call) => call.args.filter((name) => call.named(name) !== undefined).length,
  },
  flushdb: { words: 1, isOpen: true, does: flushAll },
  keys: { words: 2, does: keys },
  persist: { words: 2, does: persist },
  pexpire: { words: 3, isOpen: true, does: pexpire },
  pexpiretime: { words: 2, does: (call) => timed(call, 0) },
  pttl: { words: 2, does: (call) => timed(call, call.turn.at) },
  rename: {
    words: 3,
    does: (call) => {
      renameTo(call, false);
      return OK;
    },
  },
  renamenx: { words: 3, does: (call) => (renameTo(call, true) ? 1 : 0) },
  type: { words: 2, does: (call) => ({ ok: call.named(call.arg(0))?.value.type ?? "none" }) },
  unlink: { words: 2, isOpen: true, does: del },
};
