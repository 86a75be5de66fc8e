/**
 * A queue that can be measured from inside, and brought quickly into the state that is to be measured.
 * Invariant: every change goes through the engine's own commands; only the way there is shorter.
 */
import type { CommandInputs, CommandName, CommandReplies } from "../../../src/contract/commands.ts";
import type { JobSpec } from "../../../src/contract/jobs.ts";
import { limits } from "../../../src/contract/limits.ts";
import { QueueObject as RealQueueObject } from "../../../src/object/queue-object.ts";
import { type ClaimsFloor, claimsFloor, type MembersFloor, membersFloor } from "./floors.ts";

/** Jobs of one enqueue while a backlog is made. */
const FILL_BATCH = limits.jobsPerEnqueueMax;
/** Jobs of one turn while a tail is made: small, to come close to the checkpoint that must not happen. */
const TURN_JOBS = 25;
/** Turns left out before the checkpoint: room for the requests that are timed. */
const TURNS_SPARED = 2;
const payload = JSON.stringify("x".repeat(185));

/** Fewer than may wait for a group. */
const SCHEDULES_AT_ONCE = 1_000;
/** Their clocks differ from UTC by whole hours, so that one minute of the hour is one instant. */
const wholeHourZones = [
  ...["UTC", "Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York"],
  ...["America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo"],
  ...["Asia/Tokyo", "Asia/Shanghai", "Asia/Dubai", "Australia/Sydney", "Africa/Cairo"],
];

/** Flow keys that jobs are spread over by lot, or one after the other. */
export interface Spread {
  readonly count: number;
  readonly by: "lot" | "turns";
  /** What the names of the keys begin with. */
  readonly name: string;
}
/** Jobs that fill a queue. */
export interface Fill {
  readonly jobs: number;
  readonly requires?: string[];
  readonly keys?: Spread;
}
/** Gives out the keys of jobs, the next one at each call. */
function keysOf({ count, by, name }: Spread): () => string {
  let next = 0;
  return () => {
    const number = by === "lot" ? Math.floor(Math.random() * count) : next++ % count;
    return `${name}${number}`;
  };
}

/** Schedules that are due at once, epoch ms. */
export interface Slots {
  readonly count: number;
  readonly at: number;
  /** Whether each has an expression of its own. */
  readonly distinct: boolean;
}
const oneCron = (due: Date): string => `${due.getUTCSeconds()} ${due.getUTCMinutes()} * * * *`;
/** Days and months say nothing but in how many ways; the other minute comes long after the one that is due. */
function distinctCron(due: Date, i: number): string {
  const minute = due.getUTCMinutes();
  const other = (minute + 2 + (i % 50)) % 60;
  const day = 1 + (Math.floor(i / 50) % 31);
  const month = 1 + (Math.floor(i / (50 * 31)) % 12);
  return `${due.getUTCSeconds()} ${minute},${other} * 1-31,${day} 1-12,${month} *`;
}

/** What a tail is made of: jobs that stay, which fill memory with rows, or whole lives, which leave only log. */
export type TailKind = "enqueues" | "lifecycles";

export class QueueObject extends RealQueueObject {
  /** The least that an object can be asked: the measure of all figures. */
  noop(): number {
    return 1;
  }

  /** Enqueues `jobs` ready jobs, of which each requires what is said, and has one of the keys. */
  async fill({ jobs, requires, keys }: Fill): Promise<number> {
    const keyOf = keys && keysOf(keys);
    for (let left = jobs; left > 0; left -= FILL_BATCH) {
      await this.#enqueue(Math.min(left, FILL_BATCH), { ...(requires && { requires }) }, keyOf);
    }
    return jobs;
  }

  /**
   * Makes schedules that all have their first slot at one instant, by the clocks of many zones; with an expression each of them has
   * to itself, or with one for all. Returns how many.
   */
  async schedules({ count, at, distinct }: Slots): Promise<number> {
    const cronOf = distinct ? distinctCron : oneCron;
    for (let done = 0; done < count; done += SCHEDULES_AT_ONCE) {
      const some = Array.from({ length: Math.min(SCHEDULES_AT_ONCE, count - done) }, (_, i) => {
        const timeZone = wholeHourZones[i % wholeHourZones.length] ?? "UTC";
        const timing = { cron: cronOf(new Date(at), done + i), timeZone };
        const definition = { timing, catchUp: "one", overlap: "allow", job: { payload } } as const;
        return this.#run("schedule.put", { id: `s${done + i}`, definition });
      });
      await Promise.all(some);
    }
    return count;
  }

  /** Claims `jobs` jobs one at a time, back to back, all at once in line. Returns the mean microseconds of one. */
  async claims(jobs: number): Promise<number> {
    const startedAt = performance.now();
    const one = () => this.#run("lease.claim", { max: 1, leaseMs: limits.leaseMsMax });
    const replies = await Promise.all(Array.from({ length: jobs }, one));
    const us = ((performance.now() - startedAt) * 1000) / jobs;
    const claimed = replies.filter((reply) => reply.jobs.length === 1).length;
    if (claimed !== jobs) throw new Error(`${claimed} of ${jobs} claims found a job`);
    return us;
  }

  /** Fills the log's tail to just below the next checkpoint. Returns the entries in it. */
  async tail(kind: TailKind): Promise<number> {
    await this.#run("queue.checkpoint", {});
    const { checkpointedIndex } = (await this.#stats()).log;
    let turns = 0;
    do {
      await this.#turn(kind);
      turns += 1;
    } while ((await this.#stats()).log.checkpointedIndex === checkpointedIndex);
    await this.#run("queue.checkpoint", {});
    for (let turn = 0; turn < turns - TURNS_SPARED; turn += 1) await this.#turn(kind);
    const { log } = await this.#stats();
    return log.lastIndex - log.checkpointedIndex;
  }

  /** What storage alone takes for claims, in tables beside the queue's; see `claimsFloor`. */
  claimsFloor(load: ClaimsFloor): Promise<number> {
    return claimsFloor(this.ctx.storage, load);
  }

  /** The same for sorted sets; see `membersFloor`. */
  membersFloor(load: MembersFloor): Promise<number> {
    return membersFloor(this.ctx.storage, load);
  }

  /** Ends this instance: the next request wakes another. */
  evict(): void {
    this.ctx.abort("evicted by the benchmark");
  }

  async #turn(kind: TailKind): Promise<void> {
    // Before the backlog, so that a life ends before the backlog is touched.
    await this.#enqueue(TURN_JOBS, kind === "lifecycles" ? { priority: limits.priorityMin } : {});
    if (kind === "enqueues") return;
    const { jobs } = await this.#run("lease.claim", { max: TURN_JOBS });
    const items = jobs.map(({ id, token }) => ({ op: "complete" as const, id, token }));
    await this.#run("lease.settle", { items });
  }

  async #enqueue(
    jobs: number,
    options: { priority?: number; requires?: string[] },
    keyOf?: () => string,
  ): Promise<void> {
    const spec: JobSpec = { payload, ...options };
    const one = (): JobSpec => (keyOf === undefined ? spec : { ...spec, key: keyOf() });
    const bytes = jobs * (payload.length + "{}".length);
    const { refused } = await this.#run(
      "job.enqueue",
      { jobs: Array.from({ length: jobs }, one) },
      bytes,
    );
    if (refused > 0) throw new Error(`${refused} of ${jobs} jobs were refused`);
  }

  async #stats(): Promise<CommandReplies["queue.stats"]> {
    const answer = await this.read({ v: 1, name: "queue.stats", input: {}, bytes: 0 });
    if ("refusal" in answer) throw new Error(answer.refusal.detail);
    return JSON.parse(answer.reply);
  }

  async #run<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    bytes = 0,
  ): Promise<CommandReplies[N]> {
    const key = { key: `t:${crypto.randomUUID()}`, bodyHash: "0".repeat(32) };
    const answer = await this.submit({ v: 1, name, input, bytes, key });
    if ("refusal" in answer) throw new Error(answer.refusal.detail);
    return JSON.parse(answer.reply);
  }
}
