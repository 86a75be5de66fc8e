/**
 * Flow keys, unique keys and graphs of jobs drawn by chance: few names and small limits, so that one meets another again and again.
 * Invariant: what is drawn would pass the gate.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { Wish } from "./clients.ts";
import { defined } from "./model/state.ts";
import { maybe } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Rate = NonNullable<PutKey["rate"]>;
type Job = CommandInputs["job.enqueue"]["jobs"][number];
type PutKey = CommandInputs["key.put"];

export const flowKeys = ["k", "k", "k", "k", "l", "l", "l", "m", "é"] as const;
/** Ids that jobs choose for themselves, and that others wait for. */
export const jobIds = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;

export const someKey = (random: Random, often: number): string | undefined =>
  maybe(random, often, () => random.pick(flowKeys));

const rates: readonly [Rate, ...Rate[]] = [
  { limit: 1, perMs: 1000 },
  { limit: 3, perMs: 1000, burst: 1 },
  { limit: 2, perMs: 7000 },
  { limit: 5, perMs: 3000, burst: 2 },
];
const someRate = (random: Random) => (random.chance(0.4) ? null : random.pick(rates));
const someConcurrency = (random: Random) => random.pick([null, null, 1, 2, 3]);

/** What may be said of a key, or of all of them. */
function someLimits(random: Random, often: number) {
  return {
    concurrency: maybe(random, often, () => someConcurrency(random)),
    rate: maybe(random, often, () => someRate(random)),
    weight: maybe(random, often, () => random.between(1, 3)),
    maxBacklog: maybe(random, often, () => random.pick([null, null, 1, 2, 4])),
    order: maybe(random, often, () => random.pick(["fifo", "priority"] as const)),
    onRetry: maybe(random, often, () => random.pick(["block", "rejoin"] as const)),
    onFail: maybe(random, often, () => random.pick(["next", "next", "park"] as const)),
  };
}

/** What a configuration says of the queue's own limits and of all keys. */
export const someFlowConfig = (random: Random) =>
  defined({
    concurrency: maybe(random, 0.3, () => random.pick([null, null, null, 3, 6])),
    rate: maybe(random, 0.3, () =>
      random.pick([null, null, null, { limit: 5, perMs: 1000 }, { limit: 9, perMs: 4000 }]),
    ),
    keys: maybe(random, 0.5, () => defined(someLimits(random, 0.3))),
  });

export function somePut(random: Random): PutKey {
  const said = defined(someLimits(random, 0.35)) as Record<string, unknown>;
  for (const name in said) if (random.chance(0.15)) said[name] = null;
  const paused = maybe(random, 0.35, () => random.chance(0.4));
  const reason = paused === true ? maybe(random, 0.5, () => "lunch") : undefined;
  return defined({ key: random.pick(flowKeys), ...said, paused, reason }) as PutKey;
}

export function someUnique(random: Random): NonNullable<Job["unique"]> {
  return defined({
    key: random.pick(["u", "u", "v"]),
    until: maybe(random, 0.6, () =>
      random.pick<NonNullable<Job["unique"]>["until"]>([
        "started",
        "done",
        { ms: 4000 },
        { ms: 1000 },
      ]),
    ),
    onConflict: maybe(random, 0.7, () => random.pick(["return", "replace", "replace", "reject"])),
  }) as NonNullable<Job["unique"]>;
}

function someParents(random: Random): NonNullable<Job["after"]> {
  const ids = jobIds.filter(() => random.chance(0.2));
  const all = ids.length > 0 ? ids : [random.pick(jobIds)];
  return all.map((id) =>
    defined({
      id,
      onFail: maybe(random, 0.5, () => random.pick(["fail", "continue", "cancel"] as const)),
    }),
  );
}

/** What a job says of the others. */
export const someTies = (random: Random) => ({
  key: someKey(random, 0.45),
  unique: maybe(random, 0.12, () => someUnique(random)),
  after: maybe(random, 0.12, () => someParents(random)),
});

/**
 * A graph that can mostly be taken as a whole: each waits for some of those before it; told in any order, or in a circle. Some are refused, since
 * their id is another's, or answered with the job that has their unique key.
 */
export function someGraph(random: Random): Job[] {
  const tag = random.pick(["x", "y", "z"]);
  const count = random.between(2, 5);
  const names = Array.from({ length: count }, (_, i) => `${tag}${i}`);
  const jobs = names.map((id, i): Job => {
    const parents = names.slice(0, i).filter(() => random.chance(0.6));
    const after = parents.map((parent) =>
      defined({
        id: parent,
        onFail: maybe(random, 0.4, () => random.pick(["fail", "continue", "cancel"] as const)),
      }),
    );
    const fingerprint = random.chance(0.9) ? id : `${id}'`;
    const unique = maybe(random, 0.15, () => someUnique(random));
    const job = { payload: "1", id, fingerprint, key: someKey(random, 0.3), unique };
    return defined({ ...job, after: after.length > 0 ? after : undefined }) as Job;
  });
  const last = names.at(-1) ?? "";
  if (random.chance(0.1) && jobs[0] !== undefined) jobs[0] = { ...jobs[0], after: [{ id: last }] };
  return random.chance(0.5) ? jobs : jobs.toReversed();
}

/** Jobs that wait for the first of them at once, or one for the other; all of them ended badly once that does. */
export function someFamily(random: Random): Job[] {
  const isChain = random.chance(0.5);
  const ids = Array.from({ length: random.between(5, 12) }, (_, i) => `${isChain ? "u" : "v"}${i}`);
  return ids.map((id, i) => {
    const after = i === 0 ? undefined : [{ id: ids[isChain ? i - 1 : 0] ?? "" }];
    return defined({ payload: "1", id, fingerprint: id, after }) as Job;
  });
}

const target = "https://jobs.example.com/";
const secrets = [`whsec_${"A".repeat(32)}`];

/** Something is said of where jobs are pushed to; mostly too little, or that they are not, so that there are some to claim. */
export function someDelivery(random: Random): Wish {
  const input = defined({
    url: maybe(random, 0.25, () => target),
    secrets: maybe(random, 0.8, () => secrets),
    concurrency: maybe(random, 0.5, () => random.between(1, 3)),
    timeoutMs: maybe(random, 0.5, () => random.pick([1000, 5000])),
    retryRefused: maybe(random, 0.3, () => random.chance(0.5)),
    capabilities: maybe(random, 0.3, () => random.pick([[], ["gpu"], ["arm", "gpu", "ssd"]])),
  });
  const reason = maybe(random, 0.5, () => random.pick(["later", "now"]));
  return random.weighted<Wish>([
    [8, { name: "delivery.put", input }],
    [2, { name: "delivery.pause", input: defined({ reason }) }],
    [4, { name: "delivery.resume", input: {} }],
    [5, { name: "delivery.remove", input: {} }],
    [2, { name: "delivery.get", input: {} }],
  ]);
}
