/**
 * Starting on what is stored: openraft's `getInitialState`, less its steps 5 and 10. The checkpointed tables are the snapshot.
 * Invariant: what cannot be the work of one history is refused, never repaired; entries are applied in order, links checked.
 */
import type { Anchor, Entry, LogId } from "./chain.ts";
import { checkLink, LogCorrupt } from "./chain.ts";
import { lastMembershipInLog } from "./membership.ts";
import type { AppliedState, LogStorage, StateMachine, StoredMembership, Vote } from "./raft.ts";

/** What a node knows when it starts. */
export interface RaftState {
  readonly vote: Vote;
  readonly lastPurged: LogId | null;
  readonly last: LogId | null;
  readonly committed: LogId | null;
  readonly applied: LogId | null;
  /** The last committed membership, and the last one stated. */
  readonly membership: {
    readonly committed: StoredMembership;
    readonly effective: StoredMembership;
  };
  /** The last log id of each term. */
  readonly keyLogIds: readonly LogId[];
}

/** A log that tells what an entry is chained to. */
type StartLog = LogStorage & { anchor(index: number): Anchor };
/** A state machine that takes entries without a way back. */
type StartMachine = StateMachine & { recover(entries: Iterable<Entry>): void };

const noVote: Vote = { term: 0, node: 0, committed: false };

/**
 * Brings a state machine up to what is committed, and tells where the node stands. `committed` is the last committed entry
 * where the caller knows it: a primary's last one. Writes only where the log ends before what was applied.
 * Throws LogCorrupt or LogPurged where log and state machine are not of one history.
 */
export function initialState(
  log: StartLog,
  machine: StartMachine,
  committed: LogId | null = log.readCommitted(),
): RaftState {
  checkEnds(log);
  reapply(log, machine, committed);
  const { lastApplied, membership } = machine.applied();
  joinLogTo(log, lastApplied);
  const { lastPurged, last } = log.logState();
  const applied = indexOf(lastApplied);
  const keyIds = { from: indexOf(lastPurged) + 1, to: indexOf(last) };
  return {
    vote: log.readVote() ?? noVote,
    lastPurged,
    last,
    committed: indexOf(committed) > applied ? committed : lastApplied,
    applied: lastApplied,
    membership: memberships(membership, lastMembershipInLog(log, applied + 1)),
    keyLogIds: log.keyLogIds(keyIds),
  };
}

const indexOf = (id: LogId | null): number => id?.index ?? 0;

function checkEnds(log: LogStorage): void {
  const { lastPurged, last } = log.logState();
  if (indexOf(last) < indexOf(lastPurged)) {
    const what = `the log ends at ${indexOf(last)} and was purged to ${indexOf(lastPurged)}`;
    throw new LogCorrupt(what, { index: indexOf(last) + 1 });
  }
}

/** Applies what is committed and not yet applied. */
function reapply(log: StartLog, machine: StartMachine, committed: LogId | null): void {
  const applied = indexOf(machine.applied().lastApplied);
  const to = indexOf(committed);
  if (to <= applied) return;
  machine.recover(linked(log, { from: applied + 1, to }));
  const reached = indexOf(machine.applied().lastApplied);
  if (reached === to) return;
  const what = `the log ends at ${reached} and was committed to ${to}`;
  throw new LogCorrupt(what, { index: reached + 1 });
}

/** Entries of which each is checked to follow the one before. Throws LogCorrupt at the first that does not. */
export function* linked(log: StartLog, range: { from: number; to: number }): Generator<Entry> {
  let before: Anchor | undefined;
  for (const entry of log.stream(range)) {
    checkLink(before ?? log.anchor(range.from - 1), entry);
    yield entry;
    before = entry;
  }
}

/** What was applied may lie behind the end of the log, at a greater index: then the log goes on from there. */
function joinLogTo(log: LogStorage, applied: LogId | null): void {
  const { last } = log.logState();
  if (applied === null || !isBefore(last, applied)) return;
  if (indexOf(last) >= applied.index) {
    throw new LogCorrupt(
      `inverted log order: entry ${indexOf(last)} ends the log, ${applied.index} of term ${applied.term} was applied`,
      { index: applied.index },
    );
  }
  log.purge(applied);
}

/** The order of log ids: by term, then by index. */
function isBefore(id: LogId | null, other: LogId): boolean {
  if (id === null || id.term !== other.term) return id === null || id.term < other.term;
  return id.index < other.index;
}

/** Of the memberships in the log behind what was applied, the last one is in effect and the one before is committed. */
function memberships(applied: AppliedState["membership"], [first, second]: StoredMembership[]) {
  if (first === undefined) return { committed: applied, effective: applied };
  return second === undefined
    ? { committed: applied, effective: first }
    : { committed: first, effective: second };
}
