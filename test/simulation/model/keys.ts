/**
 * What limiting, ordering, pausing and reading flow keys should do.
 * Invariant: the order of a key changes only while it has no open jobs.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import { type Answer, refused } from "./answers.ts";
import type { Limits } from "./flow-nouns.ts";
import { type Cursor, type Page, pageOf } from "./pages.ts";
import { hasNoSlot, isStrict, limitsOf, openOf, opensAt, slotsOf, touch } from "./rounds.ts";
import { defined, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

function limitedBy(state: State, name: string, now: number): string | undefined {
  const { paused, holder, heldUntil = 0 } = state.keys.get(name) ?? {};
  if (paused !== undefined) return "paused";
  if (holder !== undefined) return "retry";
  if (hasNoSlot(state, name)) return "concurrency";
  if (heldUntil > now) return "held";
  return opensAt(state, name) > now ? "rate" : undefined;
}

/** What holds as things are: jobs keep the order they were taken in, and in strict order one runs at a time. */
const limitsNow = (state: State, name: string): Limits => ({
  ...limitsOf(state, name),
  ...(isStrict(state, name) ? { order: "fifo", concurrency: 1 } : { order: "priority" }),
});

function keyRecord(state: State, name: string, now: number) {
  const { paused, settings = {} } = state.keys.get(name) ?? {};
  const open = openOf(state, name);
  const count = (...states: string[]) => open.filter((job) => states.includes(job.state)).length;
  const until = opensAt(state, name);
  return defined({
    ...{ key: name, waiting: open.length - count("running"), ready: count("ready") },
    ...{ running: count("running"), lingering: slotsOf(state, name) },
    ...{ paused: paused !== undefined, pausedReason: paused?.reason, parkedBy: paused?.job },
    limitedBy: limitedBy(state, name, now),
    limitedUntil: until > now && until < Infinity ? until : undefined,
    ...{ settings, limits: limitsNow(state, name) },
  });
}

export const getKey = (state: State, now: number, name: string): Answer => ({
  reply: { now, key: keyRecord(state, name, now) },
});

const show = ({ state, at }: Turn, name: string): Answer => getKey(state, at, name);

/** The settings, in the order of their names. */
const told = (settings: object): string =>
  JSON.stringify(Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1)));

function set(turn: Turn, name: string, settings: Partial<Limits>): Answer | undefined {
  const { state, at, queue } = turn;
  const before = state.keys.get(name)?.settings;
  if (told(before ?? {}) === told(settings)) return undefined;
  const open = openOf(state, name);
  const isNowStrict = open[0]?.ordered === true;
  const isToBe = { ...queue.config.keys, ...settings }.order === "fifo";
  if (open.length > 0 && isToBe !== isNowStrict && settings.order !== before?.order) {
    return refused("key_in_use", { key: name });
  }
  const isSaid = Object.keys(settings).length > 0;
  const inSet = [...state.keys.values()].filter((key) => key.settings !== undefined).length;
  if (before === undefined && isSaid && inSet >= small.keysMax) return refused("keys_limit");
  turn.emit("key.put");
  touch(state, at, name, { settings: isSaid ? settings : undefined });
  return undefined;
}

export function putKey(turn: Turn, input: CommandInputs["key.put"]): Answer {
  const { key, paused, reason, ...change } = input;
  const { state } = turn;
  const settings: Record<string, unknown> = { ...state.keys.get(key)?.settings };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete settings[name];
    else if (value !== undefined) settings[name] = value;
  }
  const refusal = set(turn, key, settings);
  if (refusal !== undefined) return refusal;
  const now = state.keys.get(key)?.paused;
  const isSame = now !== undefined && now.reason === reason;
  if (paused === true && !isSame)
    turn.pauseKey(key, { reason, ...(now?.job !== undefined && { job: now.job }) });
  if (paused === false) resume(turn, key);
  return show(turn, key);
}

/** A key is open again, but for its limits: neither paused nor held. */
function resume(turn: Turn, name: string): void {
  const { paused, heldUntil = 0 } = turn.state.keys.get(name) ?? {};
  if (paused === undefined && heldUntil <= turn.at) return;
  turn.emit("key.resumed");
  const isHeld = heldUntil > turn.at;
  touch(turn.state, turn.at, name, { paused: undefined, ...(isHeld && { heldUntil: undefined }) });
}

export function removeKey(turn: Turn, { key }: CommandInputs["key.remove"]): Answer {
  const refusal = set(turn, key, {});
  if (refusal !== undefined) return refusal;
  resume(turn, key);
  return show(turn, key);
}

export function listKeys(
  state: State,
  now: number,
  input: CommandInputs["key.list"],
  meaning: Cursor | undefined,
): Page {
  return pageOf(state, now, "keys", {
    ...{ input, meaning, list: `keys ${input.state ?? ""}`, ids: state.keys.keys() },
    show: (name) => {
      const key = keyRecord(state, name, now);
      const isLimited = key.limitedBy !== undefined && key.ready > 0;
      if (input.state === "paused" && !key.paused) return undefined;
      return input.state === "limited" && !isLimited ? undefined : key;
    },
  });
}
