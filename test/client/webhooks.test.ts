/** A receiver that verifies deliveries, held to the published library, which signs them. */
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { newWebhookSecret, verifyWebhook, WebhookError } from "../../src/client/index.ts";

const now = 1_795_000_000_000;
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const other = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;

beforeEach(() => void vi.useFakeTimers({ now, toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** The headers of a delivery that was sent `ms` ago. */
const sent = (body: string, by = [secret], ms = 0) => ({
  "webhook-id": "a.1",
  "webhook-timestamp": String((now - ms) / 1000),
  "webhook-signature": by
    .map((each) => new Webhook(each).sign("a.1", new Date(now - ms), body))
    .join(" "),
});

test("what the published library has signed is verified, whatever the body says", async () => {
  const body = fc.json().filter((text) => text !== "");
  await fc.assert(
    fc.asyncProperty(body, fc.uint8Array({ minLength: 24, maxLength: 64 }), async (text, bytes) => {
      const key = `whsec_${Buffer.from(bytes).toString("base64")}`;
      const { payload } = await verifyWebhook([key], sent(text, [key]), text);
      expect(payload).toEqual(JSON.parse(text));
    }),
    { numRuns: 50 },
  );
});

test("a secret that is made here is one to the library, and no two are the same", async () => {
  const made = newWebhookSecret();
  expect(made).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(newWebhookSecret()).not.toBe(made);
  await verifyWebhook([made], sent("1", [made]), "1");
});

test("a delivery tells its id, when it was sent, and its payload; headers may be of either kind", async () => {
  const headers = sent('{"to":"ada"}');
  const told = { id: "a.1", sentAt: new Date(now), payload: { to: "ada" } };
  expect(await verifyWebhook([secret], headers, '{"to":"ada"}')).toEqual(told);
  expect(await verifyWebhook([secret], new Headers(headers), '{"to":"ada"}')).toEqual(told);
});

describe("while secrets change over", () => {
  test("one of the receiver's and one of the sender's suffice", async () => {
    await verifyWebhook([other, secret], sent("1"), "1");
    await verifyWebhook([secret], sent("1", [other, secret]), "1");
  });
});

describe("is refused", () => {
  const refusal = (headers: Record<string, string>, body = "1", secrets = [secret]) =>
    expect(verifyWebhook(secrets, headers, body)).rejects;

  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])(
    "a request without %s",
    async (name) => {
      await refusal({ ...sent("1"), [name]: "" }).toThrow(`has no header ${name}`);
    },
  );
  test("one that another secret has signed, or that was changed", async () => {
    await refusal(sent("1", [other])).toThrow(WebhookError);
    await refusal(sent("1"), "2").toThrow("No signature");
    await refusal({ ...sent("1"), "webhook-id": "b.1" }).toThrow("No signature");
    await refusal({ ...sent("1"), "webhook-timestamp": String(now / 1000 + 1) }).toThrow(
      "No signature",
    );
  });
  test.each(["v1,", "v1,?", "v1a,AAAA", "", "v1"])("the signature %j", async (signature) => {
    await refusal({ ...sent("1"), "webhook-signature": signature || " " }).toThrow(WebhookError);
  });
  test("one of five minutes ago or ahead, or of no time at all; unless more is allowed", async () => {
    await verifyWebhook([secret], sent("1", [secret], 300_000), "1");
    await refusal(sent("1", [secret], 301_000)).toThrow("not within 300 s of now");
    await refusal(sent("1", [secret], -301_000)).toThrow("not within");
    await refusal({ ...sent("1"), "webhook-timestamp": "NaN" }).toThrow("not within");
    const options = { toleranceSeconds: 600 };
    await verifyWebhook([secret], sent("1", [secret], 600_000), "1", options);
  });
  test("a secret of no form, as a mistake of the receiver's", async () => {
    await refusal(sent("1"), "1", ["whsec_?"]).toThrow(TypeError);
  });
});
