/**
 * A crash run: a crew at work on a server that is killed again and again, then drained, and what was found in the end.
 * Invariant: nothing is read of the server but through its API, and nothing is judged here.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import type { Exchange, Final, FinalJob } from "./history.ts";
import { produce } from "./producer.ts";
import { Random } from "./random.ts";
import { Site } from "./site.ts";
import { type Scene, Wire } from "./wire.ts";
import { CrashWorker } from "./worker.ts";

export interface RunOptions {
  readonly dataDir: string;
  readonly rounds: number;
  readonly seed: string;
  /** Written to as the run goes on, so that it is there when the run breaks off. */
  readonly history: Exchange[];
  /** Called when a round is over. */
  readonly onProgress?: (rounds: number) => void;
}

/** A run, as the checker takes it. */
export interface Run {
  readonly history: readonly Exchange[];
  readonly final: Final;
  /** The queue's database, whose server has ended. */
  readonly file: string;
}

const producers = 3;
const workers = 6;
const drainMsMax = 30_000;
const keptForever = { ageMs: 3650 * 86_400_000, count: 1_000_000_000 };
const config = {
  leaseMs: 1000,
  backoff: { kind: "fixed", delayMs: 100 },
  retention: { completed: keptForever, failed: keptForever },
};

export async function crashRun(options: RunOptions): Promise<Run> {
  const { dataDir, rounds, seed, history, onProgress } = options;
  const site = await Site.open(dataDir);
  const agent = new Agent({ connections: 64, pipelining: 1 });
  const shared = { queue: "crash", round: 1, isOver: false, marks: 0, open: 0 };
  const scene: Scene = { site, agent, history, ...shared };
  const random = new Random(seed);
  try {
    await new Wire(scene, "founder").configure(config);
    const crew = startCrew(scene, random);
    // A fault of the crew itself ends the run.
    await Promise.race([crashes(scene, random.fork("crashes"), rounds, onProgress), crew]);
    scene.isOver = true;
    await crew;
    await drain(new Wire(scene, "drain"));
    const reader = new Wire(scene, "reader");
    const { storage } = await reader.read<Stats>("/stats");
    const file = join(dataDir, `objects/sluice-QueueObject/${storage.objectId}.sqlite`);
    return { history, final: await findAll(reader), file };
  } finally {
    scene.isOver = true;
    await site.stop();
    await agent.destroy();
  }
}

async function startCrew(scene: Scene, random: Random): Promise<void> {
  const actors = [upkeep(new Wire(scene, "upkeep"), random.fork("upkeep"))];
  for (let n = 1; n <= producers; n += 1) {
    const actor = `producer-${n}`;
    actors.push(produce(new Wire(scene, actor), random.fork(actor)));
  }
  for (let n = 1; n <= workers; n += 1) {
    const actor = `worker-${n}`;
    const capabilities = n % 2 === 1 ? ["gpu"] : [];
    // Half of them, of those with the capability and of those without.
    const hasChannel = n % 4 >= 2;
    const wire = new Wire(scene, actor);
    const worker = new CrashWorker(wire, random.fork(actor), capabilities, hasChannel);
    actors.push(worker.work());
  }
  await Promise.all(actors);
}

/** Checkpoints come at random too, so that crashes fall into them. */
async function upkeep(wire: Wire, random: Random): Promise<void> {
  while (!wire.scene.isOver) {
    await sleep(random.between(20, 400));
    await wire.try({ name: wire.name(), ask: { kind: "checkpoint" }, isKeyed: false });
  }
}

async function crashes(
  scene: Scene,
  random: Random,
  rounds: number,
  onProgress: RunOptions["onProgress"],
): Promise<void> {
  while (scene.round <= rounds && !scene.isOver) {
    // Some die while they still recover.
    await sleep(random.chance(0.2) ? random.between(0, 80) : random.between(80, 1500));
    if (scene.isOver) return;
    await scene.site.crash();
    onProgress?.(scene.round);
    scene.round += 1;
  }
}

interface Stats {
  readonly counts: Readonly<Record<string, number>>;
  readonly jobBytes: number;
  readonly storage: { readonly objectId: string };
}

/** Works until every job has ended, or it takes too long: then the checker will say what has not. */
async function drain(wire: Wire): Promise<void> {
  const deadline = Date.now() + drainMsMax;
  const claim = { worker: "drain", max: 100, leaseMs: 5000, capabilities: ["gpu"] };
  for (;;) {
    const name = wire.name();
    const reply = await wire.settled({ name, ask: { kind: "claim", claim }, isKeyed: true }, 9);
    const held = reply?.jobs ?? [];
    if (held.length > 0) {
      const by = wire.name();
      const items = held.map(({ id, token }, i) => {
        return { op: "complete", id, token, result: { by: `${by}/${i}` } } as const;
      });
      await wire.settled({ name: by, ask: { kind: "settle", items }, isKeyed: true }, 9);
      continue;
    }
    const { counts } = await wire.read<Stats>("/stats");
    const { scheduled = 0, ready = 0, running = 0, blocked = 0 } = counts;
    if (scheduled + ready + running + blocked === 0 || Date.now() > deadline) return;
    await sleep(50);
  }
}

const states = ["blocked", "scheduled", "ready", "running", "completed", "failed"] as const;

async function findAll(wire: Wire): Promise<Final> {
  const jobs = await list<FinalJob>(wire, "include=payload");
  const idsByState: Record<string, string[]> = {};
  for (const state of [...states, "cancelled", "expired"]) {
    const page = await list<{ id: string }>(wire, `state=${state}`);
    idsByState[state] = page.map(({ id }) => id);
  }
  const { counts, jobBytes } = await wire.read<Stats>("/stats");
  const bytes = (value: unknown) => (value === undefined ? 0 : JSON.stringify(value).length);
  const listedBytes = jobs.reduce((sum, job) => sum + bytes(job.payload) + bytes(job.result), 0);
  const slim = jobs.map((job) => ({ ...job, payload: { mark: job.payload.mark } }));
  return { jobs: slim, idsByState, counts, jobBytes, listedBytes };
}

/** All pages. */
async function list<T>(wire: Wire, query: string): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const at: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await wire.read<{ jobs: T[]; cursor?: string }>(`/jobs?limit=1000&${query}${at}`);
    found.push(...page.jobs);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return found;
}
