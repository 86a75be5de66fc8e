/**
 * What may be said about the delivery of a queue: where its jobs are pushed to, and how.
 * Invariant: a target is an `https:` address of the public internet, or on this machine where the deployment allows it; a secret is
 * never told again.
 */
import ipaddr from "ipaddr.js";
import * as z from "zod";
import { capabilities, integer, reason } from "./fields.ts";
import { limits } from "./limits.ts";

/** A secret of the Standard Webhooks specification, 1.0: `whsec_` and 24 to 64 random bytes in base64. */
const secret = z.string().refine((value) => {
  const [, base64 = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(value) ?? [];
  const bytes = Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
  return base64.length % 4 === 0 && bytes >= 24 && bytes <= 64;
}, "whsec_ and 24 to 64 bytes in base64");

const url = z
  .string()
  .max(limits.targetCharsMax)
  .transform((value, context) => {
    const wrong = whyNoTarget(value);
    if (wrong === undefined) return new URL(value).href;
    context.issues.push({ code: "custom", message: wrong, input: value });
    return z.NEVER;
  });

/** A change of a delivery: what is left out stays; the first one names an address and a secret. */
export const deliveryPut = z.strictObject({
  /** Where jobs are posted to. */
  url: url.optional(),
  /** What deliveries are signed with, the newest first; a second one lets receivers change over. */
  secrets: z.array(secret).min(1).max(limits.deliverySecretsMax).optional(),
  /** Deliveries under way at once. */
  concurrency: integer(1, limits.deliveriesAtOnceMax).optional(),
  /** How long a delivery may take. */
  timeoutMs: integer(limits.deliveryTimeoutMsMin, limits.deliveryTimeoutMsMax).optional(),
  /** Whether a job that the target refuses (4xx but 408, 425 and 429) is tried again. */
  retryRefused: z.boolean().optional(),
  /** What jobs may require in order to be pushed. */
  capabilities: capabilities(limits.capabilitiesPerClaimMax).optional(),
});
export type PutDeliveryInput = z.output<typeof deliveryPut>;

/** All of it, as it is kept. */
export const deliverySettings = z.strictObject({
  url,
  secrets: deliveryPut.shape.secrets.unwrap(),
  concurrency: deliveryPut.shape.concurrency.unwrap(),
  timeoutMs: deliveryPut.shape.timeoutMs.unwrap(),
  retryRefused: deliveryPut.shape.retryRefused.unwrap(),
  capabilities: deliveryPut.shape.capabilities.unwrap(),
});

export const deliveryPause = z.strictObject({ reason: reason.optional() });
export interface PauseDeliveryInput extends z.output<typeof deliveryPause> {
  /** Said by the queue itself, where the target keeps failing: when one job is tried, and how often that was done in vain. */
  readonly probe?: Probe | undefined;
}
export interface ResumeDeliveryInput {
  /** Said by the queue itself, since a target that failed works again: what somebody paused meanwhile stays paused. */
  readonly isProbed?: true | undefined;
}
export interface Probe {
  readonly at: number;
  readonly failed: number;
}

/** What holds for a delivery. */
export interface DeliverySettings {
  readonly url: string;
  readonly secrets: readonly string[];
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly retryRefused: boolean;
  readonly capabilities: readonly string[];
}

/** A delivery as the API shows it. */
export interface DeliveryRecord extends Omit<DeliverySettings, "secrets"> {
  /** How many secrets there are; they themselves are not shown. */
  readonly secrets: number;
  readonly paused: boolean;
  readonly pausedReason?: string;
  readonly pausedAt?: number;
  /** Where the target failed: when one job is tried. */
  readonly probeAt?: number;
}
export interface DeliveryReply {
  readonly now: number;
  readonly delivery: DeliveryRecord;
}
export interface RemoveDeliveryReply {
  readonly now: number;
  readonly removed: true;
}

/** Names that never lead to the public internet (RFC 6761, RFC 8375, and what clouds call their insides). */
const insideNames = /(?:^|\.)(?:localhost|local|internal|home\.arpa|onion|test|invalid)\.?$/i;
const here = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether an address is one on this machine, which only a deployment for development delivers to. */
export const isHere = (target: string): boolean => here.has(new URL(target).hostname);

/** What of IPv6 is given out for the public internet (RFC 4291, 2.4): outside, an address may be one of IPv4 in another spelling. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** What kind of address it is: only `unicast` is public. */
function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const range = address.range();
  const isOutside = address instanceof ipaddr.IPv6 && !address.match(globalUnicast);
  return range === "unicast" && isOutside ? "reserved" : range;
}

/** Why jobs cannot be delivered to an address. A name is judged as it stands: what it resolves to is for the network to refuse. */
function whyNoTarget(value: string): string | undefined {
  if (!URL.canParse(value)) return "not an address";
  const { protocol, hostname, username, password, hash } = new URL(value);
  if (username !== "" || password !== "") return "credentials cannot stand in the address";
  if (hash !== "") return "a fragment is never sent: leave it out";
  if (here.has(hostname) && (protocol === "http:" || protocol === "https:")) return undefined;
  if (protocol !== "https:") return "the address has to begin with https:";
  const address = hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(address)) {
    const range = rangeOf(ipaddr.process(address));
    return range === "unicast" ? undefined : `the address is not public (${range})`;
  }
  const isInside = insideNames.test(hostname) || !hostname.replace(/\.$/, "").includes(".");
  return isInside ? "the name is not one of the public internet" : undefined;
}
