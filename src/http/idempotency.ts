/**
 * How a repeat is told from a new request: the Idempotency-Key of a request, the fingerprint of a job.
 * Invariant: equal hashes mean equal requests; a key belongs to the token that used it.
 */
import { hash } from "node:crypto";
import type * as z from "zod";
import { tokenScope } from "../auth/tokens.ts";
import { accept, type Checked, reject } from "../contract/checked.ts";
import { hash52 } from "../contract/hash.ts";
import type { jobSpecWire } from "../contract/jobs.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { withoutSpace } from "../contract/raw-json.ts";
import { refuse } from "../contract/refusals.ts";
import type { IdempotencyKey } from "../contract/rpc.ts";

const PRINTABLE = /^[\x20-\x7e]+$/;

/** Up to here a hash in JavaScript is the faster one. */
const SHORT = 4096;

/**
 * What tells requests apart: 104 bits of a quick hash for short ones, 128 of SHA-256 for long ones. It guards a caller against
 * using a key twice by mistake, not against himself.
 */
function digest(text: string): string {
  if (text.length > SHORT) return hash("sha256", text, "hex").slice(0, 32);
  const half = (seed: number) => hash52(text, seed).toString(36).padStart(11, "0");
  return half(0) + half(0x5bd1e995);
}

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

/** What tells a repeat of an action or of a job from another one of its id or key; space between the tokens of a text does not. */
export function contentHash(options: object, texts: readonly JsonText[]): string {
  const { labels, ...rest } = options as { readonly labels?: Readonly<Record<string, string>> };
  // The schema puts fields in its own order, but labels keep the order of the caller.
  const sorted = labels && Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return digest(
    `${JSON.stringify({ ...rest, labels: sorted })}\n${texts.map(withoutSpace).join("\n")}`,
  );
}

/** What tells a repeat of a job with a chosen id or key from another job of that id or key. */
export function fingerprint(spec: z.output<typeof jobSpecWire>, payload: JsonText): string {
  const { payload: _, idempotencyKey: __, ...rest } = spec;
  return contentHash(rest, [payload]);
}
