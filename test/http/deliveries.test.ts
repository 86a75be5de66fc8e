/**
 * The delivery of a queue at the gate: which addresses and secrets may be named.
 * Invariant: what is refused never reaches an object.
 */
import { describe, expect, test } from "vitest";
import { problemIn, Recorder } from "./recorder.ts";

const path = "/v1/queues/mail/delivery";
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

async function sent(body: object): Promise<unknown> {
  const gate = new Recorder();
  await gate.send("PUT", path, body);
  return gate.calls[0]?.request.input;
}

async function refused(body: object): Promise<{ pointer: string; code: string; detail: string }[]> {
  const gate = new Recorder();
  const response = await gate.send("PUT", path, body);
  expect(gate.calls).toEqual([]);
  const { errors = [] } = await problemIn(response);
  return errors as { pointer: string; code: string; detail: string }[];
}

describe("an address", () => {
  test.each([
    ["https://example.com/jobs", "https://example.com/jobs"],
    ["https://EXAMPLE.com", "https://example.com/"],
    ["https://example.com:8443/a?b=c", "https://example.com:8443/a?b=c"],
    ["https://93.184.216.34/", "https://93.184.216.34/"],
    ["https://[2606:2800:220:1::1]/", "https://[2606:2800:220:1::1]/"],
    ["http://localhost:3000/jobs", "http://localhost:3000/jobs"],
    ["http://127.0.0.1:3000/", "http://127.0.0.1:3000/"],
    ["http://[::1]:3000/", "http://[::1]:3000/"],
  ])("may be %s", async (url, as) => {
    expect(await sent({ url })).toEqual({ url: as });
  });

  test.each([
    "example.com",
    "http://example.com/",
    "ftp://example.com/",
    "https://user:pass@example.com/",
    "https://example.com/#a",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://224.0.0.1/",
    "https://127.0.0.2/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::]/",
    "https://[::127.0.0.1]/",
    "https://[::a9fe:a9fe]/",
    "https://[::ffff:0:a9fe:a9fe]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[fec0::1]/",
    "https://[4000::1]/",
    "https://①⓪.0.0.1/",
    "https://127.2/",
    "https://10.0.0.1./",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://a.localhost/",
    "https://intranet/",
    "https://intranet./",
    "https://router.home.arpa/",
    `https://example.com/${"a".repeat(2048)}`,
  ])("may not be %s", async (url) => {
    const [error] = await refused({ url, secrets: [secret] });
    expect(error).toMatchObject({ pointer: "/url", code: "input_invalid" });
  });
});

describe("secrets", () => {
  test("are one or two of 24 to 64 bytes", async () => {
    const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString("base64")}`;
    expect(await sent({ secrets: [of(24), of(64)] })).toEqual({ secrets: [of(24), of(64)] });
    for (const wrong of [
      [],
      [of(23)],
      [of(65)],
      [of(24), of(24), of(24)],
      ["secret"],
      ["whsec_?"],
    ]) {
      expect(await refused({ secrets: wrong })).toHaveLength(1);
    }
  });
});

test("numbers are within their limits, and nothing else may be said", async () => {
  const most = { concurrency: 6, timeoutMs: 900_000, retryRefused: true, capabilities: ["b", "a"] };
  expect(await sent(most)).toEqual({ ...most, capabilities: ["a", "b"] });
  for (const wrong of [
    { concurrency: 7 },
    { concurrency: 0 },
    { timeoutMs: 999 },
    { timeoutMs: 900_001 },
  ]) {
    expect(await refused(wrong)).toHaveLength(1);
  }
  expect((await refused({ headers: {} }))[0]).toMatchObject({ code: "field_unknown" });
});
