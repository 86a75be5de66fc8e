/** What a target asks for that is no time; and a delivery that is paused, changed or removed just as its queue is about to push: who was answered can rely on it. */
import { describe, expect, test } from "vitest";
import { answerOf, type Harness, openEngine, START } from "../engine-harness.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

async function pushing(): Promise<Harness> {
  const q = await openEngine({ config: {} });
  await q.run("delivery.put", { url: "https://example.com/jobs", secrets: [secret] });
  return q;
}

describe("nothing is posted any more once somebody was answered that", () => {
  test.each(["delivery.pause", "delivery.remove"] as const)(
    "%s, also where jobs were asked for before",
    async (command) => {
      const q = await pushing();
      await Promise.all([q.enqueue({ id: "a" }), q.run(command, {})]);
      await q.settled();
      expect(q.posts).toEqual([]);
      expect(await q.job("a")).toMatchObject({ state: "ready", attempt: 1 });
    },
  );

  test("the address is another one: it is posted there", async () => {
    const q = await pushing();
    const moved = { url: "https://example.org/" };
    await Promise.all([q.enqueue(), q.run("delivery.put", moved)]);
    await q.settled();
    expect(q.posts.map((post) => post.url)).toEqual([moved.url]);
  });
});

test("a pause of somebody's own stands, where it comes just before the target is found to work again", async () => {
  const q = await pushing();
  await q.run("delivery.pause", { reason: "mine" });
  await q.run("delivery.resume", { isProbed: true });
  const { delivery } = await q.run("delivery.get", {});
  expect(delivery).toMatchObject({ paused: true, pausedReason: "mine" });
});

test.each(["-5", "1.5"])(
  "Retry-After %s is neither seconds nor a date: the backoff holds",
  async (retryAfter) => {
    const q = await pushing();
    q.target = () => Promise.resolve(answerOf(503, "", { retryAfter }));
    await q.enqueue({ id: "a", backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } });
    await q.settled();
    expect(await q.job("a")).toMatchObject({ state: "scheduled", runAt: START + 1000 });
  },
);
