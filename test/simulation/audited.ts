/**
 * What an auditor looks at, and what it remembers of it: states that a crash may leave, and the group at work.
 * Invariant: a state that is remembered is never changed.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import type { Group } from "../../src/object/group.ts";
import type { Coverage } from "./coverage.ts";
import type { Delivery } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import type { FlowAudit } from "./flow-audit.ts";
import type { Injector } from "./injector.ts";
import type { Instance } from "./instance.ts";
import type { Answer } from "./model/answers.ts";
import type { Hint } from "./model/leases.ts";
import type { State } from "./model/state.ts";

/** A state, and how much must be written for it to be there. */
export interface World {
  readonly position: number;
  readonly state: State;
  /** What the rules of flow control know by then. */
  readonly flow: FlowAudit;
}

/** A group at work. */
export interface Open {
  readonly group: Group;
  readonly start: State;
  readonly startKept: number;
  readonly members: Delivery[];
  /** Claims that waited and were served. */
  readonly served: CommandRequest[];
}

/** A group begins its work, on a state that nobody else changes. */
export const opened = (group: Group, start: State): Open => ({
  ...{ group, start, startKept: start.history.size },
  ...{ members: [], served: [] },
});

export interface Audited {
  readonly disk: Disk;
  readonly injector: Injector;
  readonly current: Instance | undefined;
  readonly coverage: Coverage;
  readonly autoCreate: boolean;
  /** Whether a delivery was ever asked for: without one the queue pushes nothing. */
  readonly mayPush: boolean;
  /** Whether commands wait that the current instance has not decided. */
  readonly hasWaiting: boolean;
  now(): number;
  deliveryOf(request: CommandRequest): Delivery | undefined;
  /** Whether a worker holds a channel, and lives. */
  isThere(worker: string): boolean;
  /** Whether something came over a worker's channel, or follows from that. */
  isSaid(request: CommandRequest): boolean;
}

export const isImport = (request: CommandRequest): request is CommandRequest<"snapshot.import"> =>
  request.name === "snapshot.import";

export const textOf = (answer: CommandAnswer): string | undefined =>
  "reply" in answer ? answer.reply : undefined;

export const hintOf = (answer: Answer): Hint => ("reply" in answer ? (answer.reply as Hint) : {});

/** For a waiter that left: jobs it had been given are given back. */
const isGivenBack = ({ name, input, key }: CommandRequest): boolean =>
  name === "lease.settle" &&
  key === undefined &&
  (input as CommandInputs["lease.settle"]).items.every(({ op }) => op === "release");

const ofCourier: readonly string[] = [
  ...["lease.claim", "lease.settle", "delivery.pause", "delivery.resume"],
];

/** For jobs that are pushed: they are claimed and settled, and paused for a target that fails. */
const isPushing = ({ name, key }: CommandRequest): boolean =>
  key === undefined && ofCourier.includes(name);

/** What the engine itself says. */
export const isOwn = (request: CommandRequest, mayPush: boolean): boolean =>
  isGivenBack(request) || (mayPush && isPushing(request));

export function isEmptyClaim(answer: Answer): boolean {
  if (!("reply" in answer)) return false;
  return (answer.reply as { readonly jobs: readonly object[] }).jobs.length === 0;
}
