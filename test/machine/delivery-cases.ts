/**
 * The refusals of the commands about deliveries, for `refusals.test.ts`.
 */
import type { Harness } from "../engine-harness.ts";
import { type Case, refuses } from "./schedule-cases.ts";

const key = "idempotency_key_reused" as const;
const nothing = () => Promise.resolve();
const aQueue = (q: Harness) => q.run("queue.configure", {});

export const deliveryCases: readonly Case[] = [
  refuses("delivery.put", [key, "delivery_incomplete"], {}, aQueue, true),
  refuses("delivery.put", ["delivery_incomplete"], {}, aQueue),
  refuses("delivery.get", ["queue_unknown", "delivery_unknown"], {}, nothing),
  refuses("delivery.get", ["delivery_unknown"], {}, aQueue),
  ...(["delivery.pause", "delivery.resume", "delivery.remove"] as const).flatMap((command) => [
    refuses(command, [key, "delivery_unknown"], {}, aQueue, true),
    refuses(command, ["queue_unknown", "delivery_unknown"], {}, nothing),
    refuses(command, ["delivery_unknown"], {}, aQueue),
  ]),
];
