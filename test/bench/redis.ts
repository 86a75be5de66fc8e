/**
 * Figures of Redis clients: pipelines through the bridge as ratios to the no-op, and what a SET costs in rows.
 * Invariant: the load is that of `redis-benchmark -P 16`, with names by lot; replies that are not the ones expected end the figure.
 */
import { Bridged, type RespLoad } from "./bridged.ts";
import type { Bench, Group, Measured } from "./figure.ts";
import { untilUnits } from "./load.ts";
import { BenchQueue, CHECKPOINTS_MIN } from "./queue.ts";
import { inTurn, pipelineOf, type RespClient, repeated } from "./resp.ts";
import { type Load, ratioToNoop } from "./throughput.ts";

/** As redis-benchmark has it. */
const CLIENTS = 50;
const PIPELINE = 16;
const VALUE = "xxx";
const NAMES = 10_000;
/** Made beforehand; they are sent again and again. */
const PIPELINES = 2_000;

const nameOf = (i: number): string => `key:${String(i).padStart(12, "0")}`;
const anyName = (names = NAMES): string => nameOf(Math.floor(Math.random() * names));
/** Pipelines of calls, each of them another one. */
const pipelines = (make: () => readonly string[], lines = 1, size = PIPELINE) =>
  inTurn(repeated(PIPELINES, () => pipelineOf(repeated(size, make), lines)));

/** Throws unless `calls` that are asked are answered this number. */
async function expectInteger(client: RespClient, expected: number, ...call: readonly string[]) {
  const told = await client.integer(...call);
  if (told !== expected) throw new Error(`${call.join(" ")} says ${told}, not ${expected}.`);
}

const allNames = pipelineOf([
  ["MSET", ...repeated(NAMES, nameOf).flatMap((name) => [name, VALUE])],
]);

const loads = {
  set: (): RespLoad => ({
    before: [allNames],
    next: pipelines(() => ["SET", anyName(), VALUE]),
    check: (client) => expectInteger(client, NAMES, "DBSIZE"),
  }),
  get: (): RespLoad => ({ before: [allNames], next: pipelines(() => ["GET", anyName()], 2) }),
  lpush: (): RespLoad => ({
    next: pipelines(() => ["LPUSH", "mylist", VALUE]),
    check: (client, calls) => expectInteger(client, calls, "LLEN", "mylist"),
  }),
};

const ofCalls = (make: () => RespLoad, rest: Partial<Load> = {}): Load => ({
  sliceMs: 1_000,
  unit: "call",
  ...rest,
  begin: (server, queue) => Bridged.begin(server, queue, CLIENTS, make()),
});

const ROWS_PIPELINE = 100;
/** They are written over and over: what is written over before a checkpoint never reaches a table. */
const ROWS_NAMES = 1_000;
const ROWS_SLICE = 20_000;
const NEW_NAMES = 50_000;

/** Rows that a SET takes in a pipeline of 100, of one client, over names that are written again; in whole, and of the log alone. */
async function rowsPerSet(bench: Bench): Promise<Measured> {
  const name = "rows_per_set";
  const queue = await BenchQueue.create(bench.server, name, "none");
  const load = { next: pipelines(() => ["SET", anyName(ROWS_NAMES), VALUE], 1, ROWS_PIPELINE) };
  const crew = await Bridged.begin(bench.server, name, 1, load);
  let sets = 0;
  let ofLog: number | undefined;
  while (queue.checkpoints < CHECKPOINTS_MIN) {
    const before = await queue.watch();
    const { units } = await crew.work(untilUnits(ROWS_SLICE));
    sets += units;
    const after = await queue.watch();
    bench.detail(`${name}: ${sets} SETs, ${queue.checkpoints} checkpoints`);
    if (after.log.checkpointedIndex !== before.log.checkpointedIndex) continue;
    ofLog ??= (after.storage.rowsWritten - before.storage.rowsWritten) / units;
  }
  await queue.checkpoint();
  const whole = (await queue.stats()).storage.rowsWritten;
  await crew.dismiss();
  const ofNew = await rowsOfNewNames(bench, queue);
  await queue.close();
  if (ofLog === undefined) throw new Error("Each slice had a checkpoint.");
  const beside = { rows_per_set_log: ofLog, rows_per_set_new: ofNew };
  return { value: whole / sets, beside };
}

/** Rows that a SET takes in the same pipelines where each is of a name that was not there, up to the checkpoint. */
async function rowsOfNewNames({ server }: Bench, queue: BenchQueue): Promise<number> {
  let last = 0;
  const call = (): string[] => {
    last += 1;
    return ["SET", `new:${last}`, VALUE];
  };
  const load: RespLoad = {
    next: () => pipelineOf(repeated(ROWS_PIPELINE, call)),
    check: (client) => expectInteger(client, ROWS_NAMES + NEW_NAMES, "DBSIZE"),
  };
  const before = (await queue.stats()).storage.rowsWritten;
  const crew = await Bridged.begin(server, queue.name, 1, load);
  const { units } = await crew.work(untilUnits(NEW_NAMES));
  await queue.checkpoint();
  const rows = (await queue.stats()).storage.rowsWritten - before;
  await crew.dismiss();
  return rows / units;
}

export const redis: Group = {
  name: "redis",
  figures: [
    ratioToNoop("resp_set", ofCalls(loads.set), { atLeast: 3 }),
    ratioToNoop("resp_get", ofCalls(loads.get, { isRead: true }), { atLeast: 3 }),
    ratioToNoop("resp_lpush", ofCalls(loads.lpush), { atLeast: 3 }),
    { name: "rows_per_set", unit: "rows", bound: { atMost: 0.1 }, seconds: 60, run: rowsPerSet },
  ],
};
