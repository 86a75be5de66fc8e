/**
 * A real client that waits over HTTP and hangs up.
 * Invariant: it has a connection of its own, so that its end is the end of nothing else.
 */
import { request } from "node:http";
import { expect, vi } from "vitest";
import type { Queue } from "../../src/client/index.ts";

/** A long poll of its own, that can be hung up; resolves once the server has taken the wait. */
export function poll(
  { url, token }: { readonly url: string; readonly token: string },
  queue: string,
  path: string,
  body: object,
): Promise<{ hangUp(): Promise<void> }> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${queue}${path}`, { method: "POST", headers }, (response) => {
      response.resume();
      response.on("error", () => undefined);
      const hangUp = () =>
        new Promise<void>((done) => {
          sent.once("close", done);
          sent.destroy();
        });
      resolve({ hangUp });
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

/**
 * A worker hangs up while it waits. Resolves once the server knows of it: the worker has died, which none does that waits. That is an event:
 * a read takes one whose time is over for dead until it has been looked whether it is there.
 */
export async function hungUp(server: Parameters<typeof poll>[0], queue: Queue): Promise<void> {
  await queue.workers.register("w", { ttlMs: 1_000 });
  const { hangUp } = await poll(server, queue.path, "/claim", { waitMs: 60_000, worker: "w" });
  await hangUp();
  for await (const event of queue.watch({ types: ["worker.died"] })) {
    expect(event).toMatchObject({ name: "w" });
    return;
  }
  throw new Error("the feed has ended");
}

/** Resolves once a job is in a state. */
export const comesTo = (queue: Queue, id: string, state: string) =>
  vi.waitFor(async () => expect((await queue.get(id)).state).toBe(state), { timeout: 15_000 });
