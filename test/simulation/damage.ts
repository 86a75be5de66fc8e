/**
 * Storage that is damaged, newer or older than the code: what an instance that wakes on it may say and do.
 * Invariant: everything happens on storage that is put back afterwards, whatever came of it.
 */
import type { CommandName } from "../../src/contract/commands.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import { type Entry, hashOf } from "../../src/store/chain.ts";
import { storeFormat } from "../../src/store/hard-state.ts";
import { checkAll } from "./checks.ts";
import type { FaultKind } from "./coverage.ts";
import { endOf, toModel } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import { Instance, type Surroundings } from "./instance.ts";
import { getQueue } from "./model/reads.ts";
import type { State } from "./model/state.ts";
import type { Random } from "./random.ts";
import { demand, same } from "./violation.ts";

export const damages = [
  "code older",
  "corrupt hard state",
  "corrupt log entry",
  "corrupt row",
  "newer event",
  "newer format",
  "next format",
] as const satisfies readonly FaultKind[];
export type Damage = (typeof damages)[number];

/** What is looked at: storage that is wholly durable, and what the model says it holds. */
interface Scene {
  readonly world: Surroundings;
  readonly state: State;
  readonly now: number;
}

const hardStates = [
  "UPDATE raft_state SET checkpointed = 'nonsense'",
  "UPDATE raft_state SET purged = '{}'",
  "UPDATE raft_state SET term = 0",
  "DELETE FROM raft_state",
  "DROP TABLE raft_segments",
  "UPDATE raft_segments SET first_index = first_index + 1",
  // A segment that says it is sealed has the hashes of its keys: none, and one too few.
  "UPDATE raft_segments SET sealed = 1, key_hashes = NULL",
  "UPDATE raft_segments SET sealed = 1, key_count = key_count + 1, key_hashes = coalesce(key_hashes, x'')",
] as const;

/** Damages storage, wakes an instance on it, and puts storage back. Returns whether there was anything to damage. */
export async function tryDamage(kind: Damage, random: Random, scene: Scene): Promise<boolean> {
  const { disk } = scene.world;
  const { onWritten } = disk;
  disk.onWritten = () => undefined;
  try {
    return await disk.pretend(() => looks[kind](scene, random));
  } finally {
    disk.onWritten = onWritten;
  }
}

type Look = (scene: Scene, random: Random) => Promise<boolean>;

const looks: Record<Damage, Look> = {
  "code older": async (scene) => {
    // A checkpoint from before memberships were stated.
    scene.world.disk.run(
      "UPDATE raft_state SET checkpointed = json_remove(checkpointed, '$.membership')",
      [],
    );
    const instance = wake(scene);
    demand(instance.store !== undefined, "older", "an older store opens");
    if (instance.store !== undefined) checkAll(instance.store, scene.state);
    same("older", "a read", endOf(await ask(instance, "queue.get")), "ok");
    return true;
  },
  "corrupt hard state": async (scene, random) => {
    const damage = random.pick(hardStates);
    scene.world.disk.run(damage, []);
    await refuses(scene, "store_corrupt", damage);
    return true;
  },
  "corrupt log entry": async (scene, random) => {
    const { disk } = scene.world;
    const entry = random.pickFrom(tailOf(scene));
    if (entry === undefined) return false;
    const isLast = entry.index === scene.state.index;
    const change = random.pick(["SET events = events || ' '", "SET at = at + 1", "SET hash = 'x'"]);
    if (isLast || random.chance(0.7))
      disk.run(`UPDATE ${entry.table} ${change} WHERE log_index = ?`, [entry.index]);
    else disk.run(`DELETE FROM ${entry.table} WHERE log_index = ?`, [entry.index]);
    await refuses(scene, "store_corrupt", "a damaged row or entry");
    return true;
  },
  "corrupt row": async (scene, random) => {
    const { disk } = scene.world;
    const before = wake(scene);
    same("damage", "a checkpoint", endOf(await ask(before, "queue.checkpoint")), "ok");
    const job = random.pickFrom([...scene.state.jobs.keys()]);
    if (job === undefined) {
      disk.run("UPDATE queue SET value = '{'", []);
      await refuses(scene, "store_corrupt", "a damaged row or entry");
      return true;
    }
    disk.run("UPDATE jobs SET value = '{' WHERE id = ?", [job]);
    // It may be found out when the store opens, or only when somebody asks for the job.
    const { rowsWritten } = disk;
    const instance = wake(scene);
    const answer = await ask(instance, "job.get", { id: job });
    same("damage", "a damaged job is read", endOf(answer), "store_corrupt");
    same("damage", "rows written", disk.rowsWritten, rowsWritten);
    return true;
  },
  "newer event": async (scene) => {
    const entry = tailOf(scene).at(-1);
    if (entry === undefined) return false;
    const events = entry.events.replace('"type":"', '"type":"newer.');
    const hash = hashOf({ ...entry, events });
    const query = `UPDATE ${entry.table} SET events = ?, hash = ? WHERE log_index = ?`;
    scene.world.disk.run(query, [events, hash, entry.index]);
    // The first entry of a segment was noted as its last.
    const noted =
      "UPDATE raft_segments SET last = json_set(last, '$.hash', ?) WHERE last ->> '$.index' = ?";
    scene.world.disk.run(noted, [hash, entry.index]);
    await refuses(scene, "store_newer", "a newer event");
    return true;
  },
  "newer format": async (scene) => {
    scene.world.disk.run("UPDATE raft_state SET format = ?", [storeFormat + 2]);
    await refuses(scene, "store_newer", "a newer format");
    return true;
  },
  "next format": async (scene) => {
    scene.world.disk.run("UPDATE raft_state SET format = ?", [storeFormat + 1]);
    const instance = await refuses(scene, "store_newer", "the next format");
    const now = Math.max(scene.now, scene.state.at);
    const answer = await ask(instance, "queue.get");
    same("damage", "a read of the next format", toModel(answer), getQueue(scene.state, now));
    return true;
  },
};

const reads = ["queue.get", "job.list", "queue.stats", "job.get"] as const;
const writes = [
  ...["job.enqueue", "lease.claim", "queue.pause", "queue.purge"],
  ...["queue.checkpoint", "queue.delete"],
] as CommandName[];

/**
 * Wakes an instance that refuses every write with one code, and writes nothing, also when the alarm fires. Its reads may show
 * what stands before the damage; the statistics then tell of it.
 */
async function refuses(scene: Scene, code: string, what: string): Promise<Instance> {
  const { disk } = scene.world;
  const { written } = disk;
  const instance = wake(scene);
  for (const name of writes) {
    same("damage", `${name} after ${what}`, endOf(await ask(instance, name)), code);
  }
  for (const name of reads) {
    const end = endOf(await ask(instance, name));
    demand([code, "ok", "job_unknown"].includes(end), "damage", `${name} after ${what}`, end);
  }
  const stats = await ask(instance, "queue.stats");
  if ("reply" in stats && instance.store === undefined) {
    const { damage } = JSON.parse(stats.reply) as { readonly damage?: { readonly code: string } };
    same("damage", `the damage that is told after ${what}`, damage?.code, code);
  }
  await instance.engine.alarm();
  same("damage", `what was written after ${what}`, disk.written, written);
  // All that is left is to give it up; what newer code wrote is not even given up.
  const isLost = code === "store_corrupt";
  const forced = endOf(await ask(instance, "queue.delete", { force: "true" }));
  same("damage", `a forced deletion after ${what}`, forced, isLost ? "ok" : code);
  const unknown = endOf(await ask(instance, "queue.get"));
  if (isLost) same("damage", `a read after a deletion after ${what}`, unknown, "queue_unknown");
  return instance;
}

function wake({ world }: Scene): Instance {
  const deaf = { ...surroundings(world), reported: () => undefined };
  const instance = new Instance(deaf, undefined);
  instance.sql.acknowledgesEarly = true;
  return instance;
}

const surroundings = (world: Surroundings): Surroundings => ({
  disk: world.disk,
  injector: world.injector,
  autoCreate: world.autoCreate,
  now: () => world.now(),
  newQueueId: () => "unused00",
  pause: () => Promise.resolve(),
  push: () => new Promise(() => undefined),
  aborted: () => undefined,
  waitingSockets: [],
  tellDirectory: () => Promise.resolve(),
  died: () => undefined,
  reported: () => undefined,
});

const inputs: { readonly [N in CommandName]?: object } = {
  "job.enqueue": { jobs: [{ payload: "1" }] },
  "job.get": { id: "a" },
};

function ask(
  instance: Instance,
  name: CommandName,
  input: object = inputs[name] ?? {},
): Promise<CommandAnswer> {
  const request = { v: 1, name, input, bytes: 100 } as CommandRequest;
  const isRead = (reads as readonly CommandName[]).includes(name);
  return isRead ? instance.engine.read(request) : instance.engine.submit(request);
}

type StoredEntry = Entry & { readonly table: string };

/** The entries behind the checkpoint: those that an instance reads when it wakes. */
function tailOf({ world: { disk } }: Scene): StoredEntry[] {
  const query = "SELECT checkpointed ->> '$.index' FROM raft_state";
  const from = (disk.rows<[number]>(query, [])[0]?.[0] ?? 0) + 1;
  return tablesOf(disk).flatMap((table) =>
    disk
      .rows<[number, number, number, number, string, string, string, string, string]>(
        `SELECT log_index, term, incarnation, at, prev_hash, hash, keys, events, texts
         FROM ${table} WHERE log_index >= ?`,
        [from],
      )
      .map(([index, term, incarnation, at, prevHash, hash, keys, events, texts]) => ({
        ...{ table, index, term, incarnation, at, prevHash, hash, keys, events, texts },
      })),
  );
}

const tablesOf = (disk: Disk): string[] =>
  disk
    .rows<[string]>("SELECT name FROM sqlite_schema WHERE name GLOB 'raft_log_*' ORDER BY name", [])
    .map(([name]) => name);
