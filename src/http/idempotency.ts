/**
 * How a repeat is told from a new request: the Idempotency-Key of a request, the fingerprint of a job.
 * Invariant: equal hashes mean equal requests; a key belongs to the token that used it.
 */
import { hash } from "node:crypto";
import type * as z from "zod";
import { tokenScope } from "../auth/tokens.ts";
import type { jobSpecWire } from "../contract/jobs.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { refuse } from "../contract/refusals.ts";
import type { IdempotencyKey } from "../contract/rpc.ts";
import { accept, type Checked, reject } from "./checked.ts";

const PRINTABLE = /^[\x20-\x7e]+$/;

/** 128 bits of SHA-256, as hex: enough to tell requests apart, half the bytes to keep. */
const digest = (text: string): string => hash("sha256", text, "hex").slice(0, 32);

/** The key of a write, or undefined when the caller gave none. */
export function idempotencyKey(
  request: Request,
  text: string,
): Checked<IdempotencyKey | undefined> {
  const header = request.headers.get("idempotency-key");
  if (header === null) return accept(undefined);
  if (header.length > limits.idempotencyKeyCharsMax || !PRINTABLE.test(header)) {
    const form = `1 to ${limits.idempotencyKeyCharsMax} printable ASCII characters`;
    return reject(refuse("idempotency_key_invalid", `An Idempotency-Key has ${form}.`));
  }
  const path = request.url.slice(request.url.indexOf("/", "https://".length));
  const bodyHash = digest(`${request.method} ${path}\n${text}`);
  return accept({ key: `${tokenScope}:${header}`, bodyHash });
}

/** What tells a repeat of a job with a chosen id or key from another job of that id or key. */
export function fingerprint(spec: z.output<typeof jobSpecWire>, payload: JsonText): string {
  const { payload: _, idempotencyKey: __, labels, ...rest } = spec;
  // The schema puts fields in its own order, but labels keep the order of the caller.
  const sorted = labels && Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return digest(`${JSON.stringify({ ...rest, labels: sorted })}\n${payload}`);
}
