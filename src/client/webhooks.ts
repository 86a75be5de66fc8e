/**
 * For receivers of deliveries: whether a request is a queue's own, and what it says.
 * Invariant: nothing of a request is believed before one of its signatures was found right, in time that does not tell how wrong one is.
 * Source: the Standard Webhooks specification, 1.0 (https://github.com/standard-webhooks/standard-webhooks).
 */

/** A request is not a queue's own, or not of now; the message says what is wrong with it. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
}

export interface VerifyOptions {
  /** How far, in seconds, the sender's clock may be from this one: 300 unless it is said. What is older may be a replay. */
  readonly toleranceSeconds?: number;
}

/** A delivery that a queue has sent. */
export interface VerifiedWebhook<Payload> {
  /** The same for every attempt of a run of a job: what was done under it needs not be done again. */
  readonly id: string;
  readonly sentAt: Date;
  readonly payload: Payload;
}

const PREFIX = "whsec_";
const encoder = new TextEncoder();

/**
 * Makes a secret to sign deliveries with: 32 random bytes.
 * @example newWebhookSecret() // "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…"
 */
export function newWebhookSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return PREFIX + btoa(String.fromCharCode(...bytes));
}

/**
 * Checks that a delivery was sent by a queue that has one of these secrets, lately, and reads it.
 * `body` is the request's text as it came: one that was parsed and encoded again has another signature.
 * @throws WebhookError when it was not.
 * @example
 * app.post("/jobs", async (request) => {
 *   const { id, payload } = await verifyWebhook([secret], request.headers, await request.text());
 * });
 */
export async function verifyWebhook<Payload = unknown>(
  secrets: readonly string[],
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  body: string,
  { toleranceSeconds = 300 }: VerifyOptions = {},
): Promise<VerifiedWebhook<Payload>> {
  const read = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (value === undefined || value === null || value === "") {
      throw new WebhookError(`The request has no header ${name}: it is no delivery.`);
    }
    return String(value);
  };
  const [id, timestamp, signatures] = [
    read("webhook-id"),
    read("webhook-timestamp"),
    read("webhook-signature"),
  ];
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const apart = Math.abs(Date.now() / 1000 - seconds);
  // Not a number is not near either.
  if (!(apart <= toleranceSeconds)) {
    throw new WebhookError(
      `The delivery was sent at ${timestamp}, not within ${toleranceSeconds} s of now.`,
    );
  }
  const signed = encoder.encode(`${id}.${timestamp}.${body}`);
  const found = signatures
    .split(" ")
    .flatMap((each) => (each.startsWith("v1,") ? [each.slice(3)] : []));
  for (const secret of secrets) {
    const key = await keyOf(secret);
    for (const signature of found) {
      const bytes = bytesOf(signature);
      // The platform compares in constant time.
      if (bytes !== undefined && (await crypto.subtle.verify("HMAC", key, bytes, signed))) {
        return { id, sentAt: new Date(seconds * 1000), payload: JSON.parse(body) as Payload };
      }
    }
  }
  throw new WebhookError("No signature of the delivery is by one of these secrets.");
}

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = bytesOf(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (bytes === undefined) throw new TypeError("A webhook secret is whsec_ and bytes in base64.");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "verify",
  ]);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
