/**
 * What limiting, ordering, pausing and reading flow keys mean.
 * Invariant: a change takes nothing back that runs; the order of a key changes only while it has no open jobs.
 */
import { flowKey } from "../contract/fields.ts";
import type {
  KeyLimits,
  KeyRecord,
  KeySettings,
  LimitedBy,
  PutKeyInput,
} from "../contract/keys.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import {
  freshKey,
  hasNoSlot,
  type KeyRow,
  keyOpensAt,
  limitsOf,
  openJobsOf,
  orderOf,
} from "../store/keys.ts";
import { canonical } from "../store/snapshot-rows.ts";
import { pageOf } from "./cursors.ts";
import {
  countersOf,
  type Decide,
  queueOf,
  type Read,
  type Transaction,
  type View,
} from "./decide.ts";

/** What keeps the ready jobs of a key back, as of now. */
function limitedBy(view: View, row: KeyRow): LimitedBy | undefined {
  const all = limitsOf(row, queueOf(view).config);
  if (row.paused !== undefined) return "paused";
  if (row.holder !== undefined) return "retry";
  if (hasNoSlot(row, all)) return "concurrency";
  if ((row.heldUntil ?? 0) > view.at) return "held";
  return keyOpensAt(row, all) > view.at ? "rate" : undefined;
}

/** What holds for a key now: while it has open jobs it keeps the order that they have, and strict order is one at a time. */
function limitsNow(view: View, row: KeyRow): KeyLimits {
  const { config } = queueOf(view);
  const all = limitsOf(row, config);
  const isStrict = orderOf(row, config) === "fifo";
  return isStrict ? { ...all, order: "fifo", concurrency: 1 } : { ...all, order: "priority" };
}

/** A key as the API shows it. */
function toRecord(view: View, key: string, row: KeyRow): KeyRecord {
  const { later, ready, running, lingering, paused, settings = {} } = row;
  const by = limitedBy(view, row);
  const all = limitsOf(row, queueOf(view).config);
  const until = keyOpensAt(row, all);
  return {
    key,
    waiting: later + ready,
    ready,
    running,
    lingering,
    paused: paused !== undefined,
    ...(paused?.reason !== undefined && { pausedReason: paused.reason }),
    ...(paused?.job !== undefined && { parkedBy: paused.job }),
    ...(by !== undefined && { limitedBy: by }),
    ...(until > view.at && until < Number.POSITIVE_INFINITY && { limitedUntil: until }),
    settings,
    limits: limitsNow(view, row),
  };
}

const replyWith = (view: View, key: string) => ({
  now: view.at,
  key: toRecord(view, key, view.tables.keys.get([key]) ?? freshKey),
});

export const getKey: Read<"key.get"> = (view, { key }) => replyWith(view, key);

/** A forged cursor must not reach the table with what its column does not take. */
const isFlowKey = (key: string): boolean => flowKey.safeParse(key).success && key.isWellFormed();

export const listKeys: Read<"key.list"> = (view, { state, limit, cursor }) => {
  const page = pageOf(view, {
    list: `keys ${state ?? ""}`,
    cursor,
    limit,
    isId: isFlowKey,
    rows: (after) => view.tables.keys.scan(after === undefined ? {} : { after: [after] }),
    show: (key, row) => {
      const record = toRecord(view, key, row);
      if (state === "paused" && !record.paused) return undefined;
      if (state === "limited" && (record.limitedBy === undefined || row.ready === 0))
        return undefined;
      return record;
    },
  });
  if (isRefusal(page)) return page;
  const { items: keys, cursor: next } = page;
  return { now: view.at, keys, ...(next !== undefined && { cursor: next }) };
};

export const putKey: Decide<"key.put"> = (tx, { key, paused, reason, ...change }: PutKeyInput) => {
  const row = tx.tables.keys.get([key]) ?? freshKey;
  const settings = withChange(row.settings ?? {}, change);
  const refusal = setKey(tx, key, row, settings);
  if (refusal !== undefined) return refusal;
  const isSame = row.paused !== undefined && row.paused.reason === reason;
  // A key that is parked still names the job that failed.
  const parked = row.paused?.job === undefined ? {} : { job: row.paused.job };
  if (paused === true && !isSame) tx.emit("key.paused", { key, reason, ...parked });
  if (paused === false) resume(tx, key, row);
  return replyWith(tx, key);
};

export const removeKey: Decide<"key.remove"> = (tx, { key }) => {
  const row = tx.tables.keys.get([key]) ?? freshKey;
  const refusal = setKey(tx, key, row, {});
  if (refusal !== undefined) return refusal;
  resume(tx, key, row);
  return replyWith(tx, key);
};

/** Jobs of a key are handed out again, whether it was paused or a release holds it. */
function resume(tx: Transaction, key: string, { paused, heldUntil = 0 }: KeyRow): void {
  const lifted = heldUntil > tx.at ? { lifted: true as const } : {};
  if (paused !== undefined || lifted.lifted) tx.emit("key.resumed", { key, ...lifted });
}

/** Says what a key says for itself, or why it may not. */
function setKey(
  tx: Transaction,
  key: string,
  row: KeyRow,
  settings: KeySettings,
): Refusal | undefined {
  if (canonical(settings) === canonical(row.settings ?? {})) return undefined;
  const order = limitsOf({ settings }, queueOf(tx).config).order === "fifo" ? "fifo" : undefined;
  if (openJobsOf(row) > 0 && order !== row.order && settings.order !== row.settings?.order) {
    return refuse(
      "key_in_use",
      `Key ${key} has ${openJobsOf(row)} open jobs: its order can change once it has none.`,
      { key },
    );
  }
  const isMore = row.settings === undefined && Object.keys(settings).length > 0;
  if (isMore && countersOf(tx).keys_set >= limits.keysMax) {
    return refuse("keys_limit", `${limits.keysMax} keys have settings; that is the most.`);
  }
  tx.emit("key.put", { key, settings });
  return undefined;
}

/** What a key says for itself with a change: null takes a setting back. */
function withChange(settings: KeySettings, change: Record<string, unknown>): KeySettings {
  const merged: Record<string, unknown> = { ...settings };
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined) continue;
    if (value === null) delete merged[name];
    else merged[name] = value;
  }
  return merged as KeySettings;
}
