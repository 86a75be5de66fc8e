/**
 * Figures of large Redis collections: what a million elements do slower than a thousand.
 * Invariant: big and small alternate, each in a queue of its own, and differ in nothing but their number of elements.
 */
import { Bridged, type RespLoad } from "./bridged.ts";
import { expires } from "./expiry.ts";
import type { Bench, Group, Measured } from "./figure.ts";
import { type Slice, untilUnits } from "./load.ts";
import { BenchQueue, CHECKPOINTS_MIN } from "./queue.ts";
import { inTurn, type Pipeline, pipelineOf, type RespClient, repeated } from "./resp.ts";
import { sum } from "./statistics.ts";

const MANY = 1_000_000;
const FEW = 1_000;
const CLIENTS = 4;
const PIPELINE = 100;

type RedisCall = readonly string[];

/** Elements of one call while a collection is made, and calls after which it is shown how far that is. */
const FILL_CALL = 1_000;
const FILL_STEP = 50;

/** A queue with what so many elements make, of which each call brings `FILL_CALL`. */
async function filled(
  { server, detail }: Bench,
  name: string,
  elements: number,
  callOf: (i: number) => RedisCall,
): Promise<BenchQueue> {
  const queue = await BenchQueue.create(server, name, "none");
  const calls = elements / FILL_CALL;
  let sent = 0;
  const next = (): Pipeline => pipelineOf([callOf(sent++)]);
  const filler = await Bridged.begin(server, name, 1, { next });
  while (sent < calls) {
    await filler.work(untilUnits(Math.min(FILL_STEP, calls - sent)));
    detail(`${name}: ${sent * FILL_CALL} elements`);
  }
  await filler.dismiss();
  await queue.checkpoint();
  return queue;
}

/** Load on one of two queues, and the time that it took. */
class Side {
  readonly queue: BenchQueue;
  readonly #crew: Bridged;
  readonly #slices: Slice[] = [];

  private constructor(queue: BenchQueue, crew: Bridged) {
    this.queue = queue;
    this.#crew = crew;
  }

  static async begin({ server }: Bench, queue: BenchQueue, load: RespLoad): Promise<Side> {
    return new Side(queue, await Bridged.begin(server, queue.name, CLIENTS, load));
  }

  async work(calls: number): Promise<void> {
    this.#slices.push(await this.#crew.work(untilUnits(calls)));
    await this.queue.watch();
  }

  /** Ends it. Resolves with the microseconds of a call, a last checkpoint included. */
  async end(): Promise<number> {
    const checkpointSeconds = await this.queue.checkpoint();
    await this.#crew.dismiss();
    const worked = sum(this.#slices.map(({ seconds }) => seconds));
    const calls = sum(this.#slices.map(({ units }) => units));
    return ((worked + checkpointSeconds) * 1_000_000) / calls;
  }
}

/** How long two sides alternate. */
interface Rounds {
  readonly rounds: number;
  /** Of each side in each round. */
  readonly calls: number;
  /** There are more rounds, up to three times as many, until both have seen so many checkpoints. */
  readonly checkpointsMin: number;
}

/** Has both work in turn, so that each comes second as often as first. */
async function alternate(
  sides: readonly [Side, Side],
  { rounds, calls, checkpointsMin }: Rounds,
): Promise<void> {
  const queues = sides.map(({ queue }) => queue);
  for (const queue of queues) await queue.begin();
  const isShort = (): boolean => queues.some(({ checkpoints }) => checkpoints < checkpointsMin);
  for (let round = 0; round < rounds || (isShort() && round < 3 * rounds); round += 1) {
    const inOrder = round % 2 === 0 ? sides : sides.toReversed();
    for (const side of inOrder) await side.work(calls);
  }
  if (!isShort()) return;
  const seen = queues.map(({ name, checkpoints }) => `${checkpoints} of ${name}`).join(", ");
  throw new Error(`Too few checkpoints were seen: ${seen}.`);
}

const pops: Rounds = { rounds: 40, calls: 5_000, checkpointsMin: CHECKPOINTS_MIN };
const POPS = pops.rounds * pops.calls;
/** A round may go over its number by a pipeline for each client. */
const POPS_SPARED = 20_000;
const elementsOfCall = repeated(FILL_CALL, () => "x".repeat(20));

/** Pops from so many lists, one after the other, of each until it is empty. */
async function popping(bench: Bench, queue: BenchQueue, length: number): Promise<Side> {
  const pipelines = repeated((POPS + POPS_SPARED) / PIPELINE, (i) => {
    const list = `list${Math.floor((i * PIPELINE) / length)}`;
    return pipelineOf(
      repeated(PIPELINE, (j) => [j % 2 === 0 ? "LPOP" : "RPOP", list]),
      2,
    );
  });
  const check = async (client: RespClient, calls: number): Promise<void> => {
    const left = await client.integer("LLEN", `list${Math.floor(calls / length)}`);
    const popped = calls % length;
    if (left !== length - popped) throw new Error(`${queue.name}: ${popped} popped, ${left} left.`);
  };
  return await Side.begin(bench, queue, { next: inTurn(pipelines), check });
}

const listsOf = (bench: Bench, name: string, lists: number, length: number): Promise<BenchQueue> =>
  filled(bench, name, lists * length, (i) => [...["RPUSH", `list${i % lists}`], ...elementsOfCall]);

/** Microseconds of a pop from a million elements to one from a thousand, from both ends in turn. */
async function popManyVsFew(bench: Bench): Promise<Measured> {
  const fewEach = await listsOf(bench, "pop_1k", (POPS + POPS_SPARED) / FEW + 1, FEW);
  const one = await listsOf(bench, "pop_1m", 1, MANY);
  const [few, many] = [await popping(bench, fewEach, FEW), await popping(bench, one, MANY)];
  await alternate([few, many], pops);
  const [fewUs, manyUs] = [await few.end(), await many.end()];
  for (const { queue } of [few, many]) await queue.close();
  return { value: manyUs / fewUs, beside: { list_pop_1m_us: manyUs, list_pop_1k_us: fewUs } };
}

const SCORE_MAX = 1_000_000_000;
const anyScore = (): number => Math.floor(Math.random() * SCORE_MAX);
const memberOf = (i: number): string => `member:${String(i).padStart(8, "0")}`;
const SHOWN = 10;

const adding = (members: number) => (): RedisCall => [
  ...["ZADD", "z", String(anyScore())],
  memberOf(Math.floor(Math.random() * members)),
];

/** Ten members: by score from anywhere in the upper half downwards, and by rank from either end. */
function ranging(i: number): RedisCall {
  const last = String(SHOWN - 1);
  if (i % 4 === 0) return ["ZRANGE", "z", "0", last];
  if (i % 4 === 2) return ["ZRANGE", "z", "0", last, "REV"];
  const from = String((SCORE_MAX + anyScore()) / 2);
  return ["ZRANGE", "z", from, "0", "BYSCORE", "REV", "LIMIT", "0", String(SHOWN)];
}

/** What is done to a sorted set, and of how many lines the replies are. */
interface ZsetWork extends Rounds {
  readonly lines: number;
  make(members: number): (i: number) => RedisCall;
}
const zadd: ZsetWork = {
  ...{ rounds: 30, calls: 10_000, checkpointsMin: CHECKPOINTS_MIN },
  ...{ lines: 1, make: adding },
};
/** It writes nothing. */
const zrange: ZsetWork = {
  ...{ rounds: 20, calls: 2_000, checkpointsMin: 0 },
  ...{ lines: 1 + 2 * SHOWN, make: () => ranging },
};

/** Microseconds of a call in a set of a thousand members, and in one of a million. */
async function zsetUs(
  bench: Bench,
  queues: readonly [BenchQueue, BenchQueue],
  { lines, make, ...rounds }: ZsetWork,
): Promise<readonly [few: number, many: number]> {
  const begin = (queue: BenchQueue, members: number): Promise<Side> => {
    const one = make(members);
    // None is sent twice: a member that has its score already is not written.
    const next = (): Pipeline => pipelineOf(repeated(PIPELINE, one), lines);
    const check = async (client: RespClient): Promise<void> => {
      const size = await client.integer("ZCARD", "z");
      if (size !== members) throw new Error(`${queue.name} has ${size} members.`);
    };
    return Side.begin(bench, queue, { next, check });
  };
  const few = await begin(queues[0], FEW);
  const many = await begin(queues[1], MANY);
  await alternate([few, many], rounds);
  return [await few.end(), await many.end()];
}

const zsetOf = (bench: Bench, name: string, members: number): Promise<BenchQueue> => {
  const one = (i: number): string[] => [String(anyScore()), memberOf(i)];
  return filled(bench, name, members, (i) => [
    ...["ZADD", "z"],
    ...repeated(FILL_CALL, (j) => one(i * FILL_CALL + j)).flat(),
  ]);
};

const FLOOR_ROUNDS = 24;

/** Microseconds that SQLite alone takes to read and set the score of any of so many members. */
async function zaddFloorUs({ server }: Bench, members: number): Promise<number> {
  const floor = await BenchQueue.create(server, `floor_${members}`, "none");
  const us = await floor.call<number>("membersFloor", { members, rounds: FLOOR_ROUNDS });
  await floor.close();
  return us;
}

/**
 * Microseconds of ZADD and of ZRANGE in a million members to those in a thousand: the worse of the two. Beside it stands the least that it
 * could be for ZADD, if more members cost nothing but that their rows stand apart.
 */
async function zsetManyVsFew(bench: Bench): Promise<Measured> {
  const few = await zsetOf(bench, "zset_1k", FEW);
  const many = await zsetOf(bench, "zset_1m", MANY);
  const [fewAdd, manyAdd] = await zsetUs(bench, [few, many], zadd);
  const [fewRange, manyRange] = await zsetUs(bench, [few, many], zrange);
  await Promise.all([few.close(), many.close()]);
  const [fewUs, manyUs] = [await zaddFloorUs(bench, FEW), await zaddFloorUs(bench, MANY)];
  return {
    value: Math.max(manyAdd / fewAdd, manyRange / fewRange),
    beside: {
      ...{ zadd_1m_sqlite_us: manyUs, zadd_1k_sqlite_us: fewUs },
      zset_1m_vs_1k_least: (fewAdd + manyUs - fewUs) / fewAdd,
      ...{ zadd_1m_us: manyAdd, zadd_1k_us: fewAdd },
      ...{ zrange_1m_us: manyRange, zrange_1k_us: fewRange },
    },
  };
}

export const redisSize: Group = {
  name: "redis-size",
  figures: [
    {
      ...{ name: "list_pop_1m_vs_1k", unit: "×", bound: { atMost: 1.5 }, seconds: 60 },
      run: popManyVsFew,
    },
    {
      ...{ name: "zset_1m_vs_1k", unit: "×", bound: { atMost: 2 }, seconds: 300 },
      run: zsetManyVsFew,
    },
    expires,
  ],
};
