/**
 * The rules between the ports of one store: what the log may be asked for, given what was committed, applied and checkpointed.
 * Invariant: a guard throws RaftRefusal before anything has changed, and changes nothing itself.
 */
import type { Anchor, LogId } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { HardState } from "./hard-state.ts";
import type { Ports } from "./ports.ts";
import type { Draft, RaftRule, Vote } from "./raft.ts";
import { isVoteAtLeast, RaftRefusal } from "./raft.ts";

/** What the guards look at. */
export interface Guarded extends Pick<Ports<Schema, never>, "log" | "state"> {
  readonly machine: { readonly last: Anchor };
}

/** Where nothing else is stored, as for the one primary of a queue, the last entry is committed by definition. */
export function committedOf({ log }: Pick<Guarded, "log">): LogId {
  return log.readCommitted() ?? log.last;
}

/** A term never falls. */
export function checkTerm({ term: before }: HardState, term = before): void {
  if (term < before) refuse("term_order", `term ${term} after ${before}`);
}

/** A vote never falls, and is never below the term that it may raise. */
export function checkVote({ vote: own, term }: HardState, vote: Vote): void {
  if (vote.term < term || !isVoteAtLeast(vote, own)) {
    refuse("vote_order", `a vote for term ${vote.term} after ${own?.term ?? term}`);
  }
}

/** What was committed stays so, and only what the log has is. */
export function checkCommitted(ports: Guarded, { term, index }: LogId): void {
  const done = committedOf(ports);
  if (index < done.index) refuse("committed_order", `${index} after ${done.index}`);
  const found = ports.log.anchor(index);
  if (found.term !== term) refuse("log_id_unknown", `entry ${index} has term ${found.term}`);
}

/** Events are evolved on what all entries have made of the tables, in a term that was saved before. */
export function checkAppend({ state, log, machine }: Guarded, { term }: Draft): void {
  const own = state.current.term;
  if (term > own) refuse("append_term", `term ${term} is not the queue's, ${own}`);
  if (machine.last.index !== log.last.index) {
    refuse("append_order", `entries from ${machine.last.index + 1} on are not committed`);
  }
}

/** What is committed is never cut off. */
export function checkTruncate(ports: Guarded, { index }: LogId): void {
  const done = committedOf(ports);
  if (index < done.index) refuse("truncate_committed", `${done.index} is committed`);
}

/** Tables in SQLite are never ahead of what is committed: they have no way back. */
export function checkCheckpoint(ports: Guarded): void {
  const { index } = ports.machine.last;
  const done = committedOf(ports);
  if (index > done.index) refuse("checkpoint_committed", `entry ${index} is not committed`);
}

/** What the tables need to recover is kept, and so is the last entry. */
export function checkPurge({ state, log }: Guarded, { index }: LogId): void {
  const { checkpointed } = state;
  if (index > checkpointed.index) {
    refuse("purge_checkpoint", `purge to ${index} passes the checkpoint ${checkpointed.index}`);
  }
  if (index >= log.last.index) refuse("purge_last", `entry ${index} is the last one`);
}

/** A state from elsewhere lies behind all that is committed here, so that no index is given twice. */
export function checkInstall(ports: Guarded, place: Anchor, term: number): void {
  const done = committedOf(ports);
  if (place.index <= done.index) {
    refuse("install_committed", `place ${place.index} is not behind ${done.index}`);
  }
  if (term < place.term) refuse("term_order", `term ${term} for a place of term ${place.term}`);
}

function refuse(rule: RaftRule, reason: string): never {
  throw new RaftRefusal(rule, reason);
}
