/**
 * The commands about the delivery of a queue.
 * Invariant: as `command-row.ts` has it.
 */
import { type CommandRow, key, row } from "./command-row.ts";
import { deliveryPause, deliveryPut } from "./deliveries.ts";

export const deliveryCommands = {
  "delivery.get": row(
    "read",
    "Read where jobs are pushed to",
    undefined,
    "queue_unknown",
    "delivery_unknown",
  ),
  "delivery.put": row(
    "write",
    "Push jobs to an address",
    deliveryPut,
    key,
    "queue_unknown",
    "delivery_incomplete",
  ),
  "delivery.pause": row(
    "write",
    "Push no jobs",
    deliveryPause,
    key,
    "queue_unknown",
    "delivery_unknown",
  ),
  "delivery.resume": row(
    "write",
    "Push jobs again",
    undefined,
    key,
    "queue_unknown",
    "delivery_unknown",
  ),
  "delivery.remove": row(
    "write",
    "Leave jobs to be claimed",
    undefined,
    key,
    "queue_unknown",
    "delivery_unknown",
  ),
} as const satisfies Record<string, CommandRow>;
