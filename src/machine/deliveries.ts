/**
 * What it means that a queue pushes its jobs: what holds for it, its pause, and when the next job may go.
 * Invariant: a delivery that is paused hands no job to the courier, but for the one by which a failing target is tried.
 */

import { defaults } from "../contract/defaults.ts";
import type {
  DeliveryRecord,
  DeliverySettings,
  PauseDeliveryInput,
} from "../contract/deliveries.ts";
import { refuse } from "../contract/refusals.ts";
import type { DeliveryRow } from "../store/deliveries.ts";
import { canonical } from "../store/snapshot-rows.ts";
import { type Decide, queueOf, type Read, type Transaction, type View } from "./decide.ts";
import { mayFindJobs, rateOpensAt } from "./leases.ts";
import { withSaid } from "./queue.ts";

const unknown = refuse("delivery_unknown", "The queue pushes no jobs: PUT its delivery first.");

function toRecord({ settings, paused }: DeliveryRow): DeliveryRecord {
  return {
    ...settings,
    secrets: settings.secrets.length,
    paused: paused !== undefined,
    ...(paused?.reason !== undefined && { pausedReason: paused.reason }),
    ...(paused !== undefined && { pausedAt: paused.at }),
    ...(paused?.probe !== undefined && { probeAt: paused.probe.at }),
  };
}

export const getDelivery: Read<"delivery.get"> = (view) => {
  const { delivery } = queueOf(view);
  return delivery === undefined ? unknown : { now: view.at, delivery: toRecord(delivery) };
};

export const putDelivery: Decide<"delivery.put"> = (tx, said) => {
  const before = queueOf(tx).delivery;
  const { url, secrets } = { ...before?.settings, ...said };
  if (url === undefined || secrets === undefined) {
    const [pointer, missing] = url === undefined ? ["/url", "url"] : ["/secrets", "secrets"];
    const detail = `The first PUT of a delivery names its ${missing}.`;
    const errors = [{ pointer, code: "delivery_incomplete" as const, detail }];
    return { ...refuse("delivery_incomplete", detail), errors };
  }
  const whole = before?.settings ?? { ...defaults.delivery, url, secrets };
  const settings: DeliverySettings = withSaid(whole, said);
  const isSame = before !== undefined && canonical(settings) === canonical(before.settings);
  if (!isSame) tx.emit("delivery.put", { settings });
  return replyWith(tx);
};

export const pauseDelivery: Decide<"delivery.pause"> = (tx, input) => {
  const { delivery } = queueOf(tx);
  if (delivery === undefined) return unknown;
  if (!isPausedSo(delivery, input)) tx.emit("delivery.paused", input);
  return replyWith(tx);
};

/** Somebody's own pause stands, whatever the target does meanwhile. */
function isPausedSo({ paused }: DeliveryRow, { reason, probe }: PauseDeliveryInput): boolean {
  if (paused === undefined) return false;
  if (probe !== undefined) return paused.probe === undefined;
  return paused.probe === undefined && paused.reason === reason;
}

export const resumeDelivery: Decide<"delivery.resume"> = (tx, { isProbed }) => {
  const { delivery } = queueOf(tx);
  if (delivery === undefined) return unknown;
  const { paused } = delivery;
  const isOwn = paused !== undefined && paused.probe === undefined;
  if (paused !== undefined && !(isProbed && isOwn)) tx.emit("delivery.resumed", {});
  return replyWith(tx);
};

export const removeDelivery: Decide<"delivery.remove"> = (tx) => {
  if (queueOf(tx).delivery === undefined) return unknown;
  tx.emit("delivery.removed", {});
  return { now: tx.at, removed: true };
};

function replyWith(tx: Transaction) {
  const { delivery } = queueOf(tx);
  if (delivery === undefined) throw new Error("the delivery vanished in its own command");
  return { now: tx.at, delivery: toRecord(delivery) };
}

/** How many deliveries may be under way: one, where a failing target is tried; none, where the delivery is paused. */
export function deliveriesAtOnce(view: View): number {
  const { settings, paused } = queueOf(view).delivery ?? {};
  if (settings === undefined) return 0;
  if (paused === undefined) return settings.concurrency;
  return paused.probe !== undefined && paused.probe.at <= view.at ? 1 : 0;
}

/** When there is a job to push; never, where none is ready, or nothing but a command lets it go. */
export function deliveryDueAt(view: View): number {
  const { delivery } = queueOf(view);
  if (delivery === undefined) return Number.POSITIVE_INFINITY;
  const { probe } = delivery.paused ?? {};
  if (delivery.paused !== undefined && probe === undefined) return Number.POSITIVE_INFINITY;
  const readyAt = mayFindJobs(view) ? view.at : rateOpensAt(view);
  return Math.max(readyAt, probe?.at ?? 0);
}
