/**
 * The part of the history in which the queue has a delivery.
 * Invariant: the queue is paused, so that nothing is ever pushed.
 */
import { type Change, type QueueHand, run } from "./queue-hand.ts";

const url = "https://jobs.example.com/é";
const secrets = [`whsec_${"A".repeat(32)}`];

async function putDelivery(queue: QueueHand): Promise<void> {
  await run(queue, "queue.pause", {});
  await run(queue, "delivery.put", { url, secrets });
  await run(queue, "delivery.pause", { reason: "ünready" });
  await run(queue, "delivery.resume", {});
  await run(queue, "delivery.remove", {});
  await run(queue, "delivery.put", { url, secrets, concurrency: 2, capabilities: ["eu"] });
  await run(queue, "delivery.pause", { reason: "down", probe: { at: 9e12, failed: 3 } });
  await run(queue, "queue.resume", {});
}

export const deliveryChanges: readonly Change[] = [
  { name: "jobs are pushed, until the target fails", take: putDelivery, changes: {} },
];
