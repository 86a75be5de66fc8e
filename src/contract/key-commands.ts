/**
 * The commands about flow keys.
 * Invariant: as `command-row.ts` has it.
 */
import { type CommandRow, key, row } from "./command-row.ts";
import * as keys from "./keys.ts";

export const keyCommands = {
  "key.list": row("read", "List keys", keys.keyList, "queue_unknown", "cursor_invalid"),
  "key.get": row("read", "Read a key", undefined, "queue_unknown"),
  "key.put": row(
    "write",
    "Limit, order, pause or resume a key",
    keys.keyPut,
    key,
    "queue_unknown",
    "key_in_use",
    "keys_limit",
  ),
  "key.remove": row(
    "write",
    "Leave a key to the queue's defaults, and resume it",
    undefined,
    key,
    "queue_unknown",
    "key_in_use",
  ),
} as const satisfies Record<string, CommandRow>;
