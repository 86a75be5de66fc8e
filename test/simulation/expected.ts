/**
 * What is expected of commands beside what the model decides: those that the object does alone, and those too large.
 * Invariant: of what is done alone it looks at the state before, and changes nothing.
 */
import { limits } from "../../src/contract/limits.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { hintOf } from "./audited.ts";
import type { Disk } from "./disk.ts";
import type { Instance } from "./instance.ts";
import { type Answer, refused } from "./model/answers.ts";
import { QUEUE, run } from "./model/model.ts";
import { contentsOf, type State } from "./model/state.ts";
import type { Turn } from "./model/turn.ts";
import { changing, small } from "./small.ts";
import { demand } from "./violation.ts";

/** What a command that is done alone finds beside the state. */
interface Storage {
  readonly disk: Disk;
  readonly current: Instance | undefined;
}

/** The answer of a command that is done alone; undefined where the audit of snapshots judges it. */
export function expectedAlone(
  request: CommandRequest,
  state: State,
  now: number,
  { disk, current }: Storage,
): Answer | undefined {
  const { queue, index } = state;
  if (queue === undefined) return refused("queue_unknown", { queue: QUEUE });
  if (request.name === "queue.checkpoint") {
    return { reply: { now, checkpointed: { term: queue.term, index } } };
  }
  if (request.name === "snapshot.remove") return undefined;
  if (request.name === "snapshot.build") {
    const { bytes } = disk;
    const { building } = current?.store?.snapshots ?? {};
    const { databaseBytesMax } = changing;
    if (building !== undefined || 2 * bytes <= databaseBytesMax) return undefined;
    return refused("snapshot_no_room", { bytes, databaseBytesMax });
  }
  const isForced = (request as CommandRequest<"queue.delete">).input.force === "true";
  const contents = contentsOf(state);
  if (!isForced && contents !== undefined) return refused("queue_not_empty", contents);
  return { reply: { now, deleted: true } };
}

/** The answer that a command of a group should have; its changes are then in the turn's state. */
export function expectedOf(
  turn: Turn,
  request: CommandRequest,
  answer: Answer,
  { isStruck, isEmpty }: { readonly isStruck: boolean; readonly isEmpty: boolean },
): Answer {
  const code = "refusal" in answer ? answer.refusal.code : undefined;
  if (isStruck) return refused("internal");
  if (code === "entry_too_large") {
    demand(isEmpty && mayBeTooLarge(request), "group", "refused as too large", request);
    return refused(code);
  }
  return run(turn, request, hintOf(answer));
}

/** Whether a command may not fit an entry: what it says, what each item adds, and what a queue's creation does. */
function mayBeTooLarge({ name, bytes, input }: CommandRequest): boolean {
  // What these make or change is said elsewhere: in a schedule, in an action.
  if (name.startsWith("schedule.") || name === "action.retry") return true;
  const { jobs = [], items = [], inputs = [] } = input as Record<string, readonly [] | undefined>;
  const all = jobs.length + items.length + inputs.length;
  const overhead = (all + 4) * limits.entryOverheadPerItemBytes;
  return bytes + overhead > small.entryBytesMax;
}
