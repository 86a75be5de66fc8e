/**
 * The client inside workerd, through a binding to Sluice instead of a URL.
 * Invariant: the client needs nothing but Web standards.
 */
import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { Queue, Worker } from "../../../src/client/index.ts";

const { default: sluice } = exports as unknown as { readonly default: Fetcher };

test("a queue and a worker run in Workers, over a service binding", async () => {
  const queue = new Queue<number, number>({
    name: "in-workers",
    token: "test-token",
    fetch: (url, init) => sluice.fetch(url, init),
  });
  const { id } = await queue.enqueue(21);
  const worker: Worker<number, number> = new Worker(queue, ({ payload }) => payload * 2, {
    onSettled: () => void worker.stop(),
  });
  await worker.run();
  expect(await queue.get(id)).toMatchObject({ state: "completed", result: 42 });
});
