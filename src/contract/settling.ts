/**
 * How settlements are read from JSON text, whoever they come from.
 * Invariant: what comes out has passed the contract's schema, and every result and progress is its original text.
 */
import { accept, type Checked, isRejected, reject } from "./checked.ts";
import { utf8Bytes } from "./fields.ts";
import type { JsonText } from "./json.ts";
import { type ClaimInput, claim, type SettleInput, type Settlement, settleWire } from "./leases.ts";
import { limits } from "./limits.ts";
import { bareCompletions } from "./plain.ts";
import { rawMembers } from "./raw-json.ts";
import type { InputError } from "./refusals.ts";
import { inputRefusal, validate } from "./validate.ts";

const sizes = { result: limits.resultBytesMax, progress: limits.progressBytesMax } as const;

/** Settlements, and perhaps the next claim. `text` is what `value` was parsed from, and may have other members beside them. */
export function readSettle(value: unknown, text: string): Checked<SettleInput> {
  const bare = bareSettle(value);
  if (bare !== undefined) return accept(bare);
  const checked = validate(settleWire, value);
  if (isRejected(checked)) return checked;
  const texts = rawMembers(text, ["result", "progress"], "items");
  const errors: InputError[] = [];
  const items = checked.value.items.map((item, i): Settlement => {
    const raw = texts[i];
    if (raw === undefined) return item as Settlement;
    const field = item.op === "progress" ? "progress" : "result";
    checkSize(raw, sizes[field], () => `/items/${i}/${field}`, errors);
    return Object.assign(item, { [field]: raw }) as Settlement;
  });
  if (errors.length > 0) return reject(inputRefusal(errors));
  return accept(withClaim(items, checked.value.claim));
}

/** A settlement of bare completions; of its members only the claim, if there is one, needs a schema. */
function bareSettle(value: unknown): SettleInput | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { items, claim: said, ...others } = value as Record<string, unknown>;
  const bare = Object.keys(others).length === 0 ? bareCompletions(items) : undefined;
  if (bare === undefined) return undefined;
  if (said === undefined) return { items: bare };
  const checked = claim.safeParse(said);
  return checked.success ? withClaim(bare, checked.data) : undefined;
}

const withClaim = (items: readonly Settlement[], next: ClaimInput | undefined): SettleInput =>
  next === undefined ? { items } : { items, claim: next };

/** Notes an error for a text with more bytes than it may have. */
export function checkSize(
  text: JsonText,
  bytesMax: number,
  pointer: () => string,
  errors: InputError[],
): void {
  // No UTF-16 unit has more than three bytes of UTF-8.
  if (text.length * 3 <= bytesMax || utf8Bytes(text) <= bytesMax) return;
  const detail = `At most ${bytesMax} bytes of UTF-8.`;
  errors.push({ pointer: pointer(), code: "payload_too_large", detail });
}
