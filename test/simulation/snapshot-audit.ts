/**
 * What snapshots, their verification and the raw export should say, judged by what the queue was when each build began.
 * Invariant: a snapshot is of one state that the model has seen, wherever and by how many instances it was built.
 */
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import type { SnapshotManifest, SnapshotStatus } from "../../src/contract/snapshots.ts";
import type { SluiceStore } from "../../src/store/schema.ts";
import { endOf } from "./delivery.ts";
import { copyOf, type State } from "./model/state.ts";
import { demand, same } from "./violation.ts";

/** Says whether an answer is right. Throws when it is not. */
export type Judge = (answer: CommandAnswer) => void;

const rule = "snapshot";
const placeOf = (queueId: string, index: number): string => `${queueId}/${index}`;

export class SnapshotAudit {
  /** What the queue was at the places of which snapshots were begun. */
  readonly #begun = new Map<string, State>();

  /** Manifests as they were shown. */
  readonly #shown = new Set<string>();

  /** Whether a manifest is one that a queue made, to the letter. */
  isGenuine(manifest: SnapshotManifest): boolean {
    return this.#shown.has(JSON.stringify(manifest));
  }

  /** A build begins, or one that is under way goes on. */
  began(state: State): void {
    const { queue, index } = state;
    if (queue !== undefined) this.#begun.set(placeOf(queue.queueId, index), copyOf(state));
  }

  /** The judge of a read that is decided now, from what the instance has. `isAlarmSure`: a late alarm is a violation. */
  judgeOf(
    { name, input }: CommandRequest,
    store: SluiceStore,
    now: number,
    isAlarmSure: boolean,
  ): Judge {
    const { current } = store.snapshots;
    if (name === "queue.raw") return (answer) => same(rule, name, endOf(answer), "ok");
    if (name === "snapshot.get") {
      const importing = importingOf(store);
      return (answer) => this.#checkStatus(answer, now, importing);
    }
    if (name === "queue.verify") {
      return (answer) => checkVerified(answer, { now, isAlarmSure, digest: current?.digest });
    }
    const { digest, chunk } = input as CommandRequest<"snapshot.read">["input"];
    const isThere = current?.digest === digest && chunk >= 1 && chunk <= (current?.chunks ?? 0);
    return (answer) => {
      same(rule, name, endOf(answer), isThere ? "ok" : "snapshot_unknown");
      if ("reply" in answer && current !== undefined) this.#checkChunk(answer.reply, current);
    };
  }

  /** The answer to a build or a removal: what there is now. */
  checkStatusOf(
    name: string,
    answer: CommandAnswer,
    now: number,
    store: SluiceStore | undefined,
  ): void {
    const { building, current } = this.#checkStatus(answer, now, store && importingOf(store));
    if (name === "snapshot.build") demand(building !== null, rule, "a build is under way");
    else same(rule, "what is left", [building, current], [null, null]);
  }

  #checkStatus(answer: CommandAnswer, now: number, importing: object | null = null) {
    if ("refusal" in answer) {
      demand(false, rule, "a status was refused", answer.refusal);
      throw new Error("unreachable");
    }
    const status = JSON.parse(answer.reply) as SnapshotStatus;
    same(rule, "the time of a status", status.now, now);
    same(rule, "the import under way", status.importing, importing);
    if (status.current === null) return status;
    this.#shown.add(JSON.stringify(status.current));
    const { tables } = status.current;
    const { jobs, operations } = this.stateOf(status.current);
    const rows = [tables["jobs"]?.rows, tables["operations"]?.rows];
    same(rule, "rows of jobs and operations", rows, [jobs.size, operations.length]);
    return status;
  }

  /** What the queue was at the place of a snapshot. */
  stateOf({ queueId, last }: Pick<SnapshotManifest, "queueId" | "last">): State {
    const state = this.#begun.get(placeOf(queueId, last.index));
    demand(state !== undefined, rule, "a snapshot of a state that was never begun", queueId, last);
    if (state === undefined) throw new Error("unreachable");
    return state;
  }

  /** A chunk holds rows as they were. */
  #checkChunk(lines: string, manifest: Pick<SnapshotManifest, "queueId" | "last">): void {
    const { jobs } = this.stateOf(manifest);
    for (const line of lines.split("\n")) {
      if (!line.startsWith('["jobs"')) continue;
      const [, , [id], value, ...texts] = JSON.parse(line) as [0, 0, [string], object, string];
      const job = jobs.get(id);
      const { state, seq, run, deliveries, payloadAt } = value as Record<string, unknown>;
      // A long one stands apart: `checkAll` of a state that was taken in compares it.
      const payload = payloadAt === undefined ? texts[0] : job?.payload;
      same(
        rule,
        `job ${id}`,
        [state, seq, run, deliveries, payload],
        job && [job.state, job.seq, job.run, job.deliveries, job.payload],
      );
    }
  }
}

/** The import under way, as a status tells of it. */
function importingOf({ snapshots: { importing } }: SluiceStore): object | null {
  if (importing === undefined) return null;
  const { chunks, rows, rowsTotal } = importing.snapshot;
  return { upload: importing.upload, chunks, rows, rowsTotal };
}

interface Verified {
  readonly now: number;
  readonly isAlarmSure: boolean;
  /** Of the current snapshot. */
  readonly digest: string | undefined;
}

/** A verification finds nothing; that the alarm is late only where it was lost. */
function checkVerified(answer: CommandAnswer, { now, isAlarmSure, digest }: Verified): void {
  const end = endOf(answer);
  if (digest === undefined) {
    same(rule, "a verification of nothing", end, "snapshot_unknown");
    return;
  }
  if ("refusal" in answer) {
    same(rule, "a verification", end, "cursor_invalid");
    return;
  }
  const reply = JSON.parse(answer.reply) as {
    readonly now: number;
    readonly problems: readonly { readonly invariant: string }[];
  };
  const problems = reply.problems.filter(({ invariant }) => isAlarmSure || invariant !== "I9");
  same(rule, "the time of a verification", reply.now, now);
  same("verify", "problems", problems, []);
}
