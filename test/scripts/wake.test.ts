/**
 * What `npm run dev` does after a reload: it knows one when it sees it, and wakes every queue there is.
 */
import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isServing, wakeQueues } from "../../scripts/wake.ts";
import { root } from "../../scripts/wrangler.ts";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";

const asksMax = 10_000;

/** Asks until the answer is as wanted; each ask is a request, so this takes time without waiting for it. */
async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (let n = 0; n < asksMax; n++) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
  }
  throw new Error(`not so after ${asksMax} requests`);
}

const mailOf = ({ url, token }: TestServer) => new Queue({ name: "mail", url, token });

it("tells the lines with which wrangler begins to serve, in colour or not, from its others", () => {
  const lines = [
    "⎔ Starting local server...",
    "[wrangler:info] Ready on http://127.0.0.1:8787",
    "[wrangler:info] POST /v1/queues/mail/jobs 201 Created (50ms)",
    "⎔ Reloading local server...",
    "\u001b[2m⎔ Local server updated and ready\u001b[22m",
  ];
  expect(lines.map(isServing)).toEqual([false, true, false, false, true]);
});

it("knows the words of the wrangler that is installed", () => {
  const wrangler = readFileSync(join(root, "node_modules/wrangler/wrangler-dist/cli.js"), "utf8");
  expect(wrangler.includes("Local server updated and ready")).toBe(true);
});

it("wakes every queue, and passes over one that is gone", async () => {
  const server = await startServer();
  try {
    const { url, token } = server;
    const names = ["ants", "bees", "cats"];
    const all = names.map((name) => new Queue({ name, url, token }));
    await Promise.all(all.map((queue) => queue.configure()));
    const woken = await eventually(
      () => wakeQueues({ url, token }),
      ({ length }) => length === names.length,
    );
    expect(woken).toEqual(names);
    await all[1]?.delete();
    expect(await wakeQueues({ url, token })).toEqual(["ants", "cats"]);
  } finally {
    await server.stop();
  }
});

it("makes an alarm fire that the platform has forgotten", async () => {
  const first = await startServer();
  const { dataDir } = first;
  const delayMs = 500;
  const { id } = await mailOf(first).enqueue({ to: "ada" }, { delayMs });
  const listed = () => wakeQueues({ url: first.url, token: first.token });
  await eventually(listed, (woken) => woken.length > 0);
  await first.kill9();
  for (const file of globSync(join(dataDir, "objects/sluice-QueueObject/metadata.sqlite*"))) {
    rmSync(file);
  }
  const second = await startServer({ dataDir });
  try {
    await wakeQueues({ url: second.url, token: second.token });
    const { state } = await eventually(
      () => mailOf(second).get(id),
      (job) => job.state === "ready",
    );
    expect(state).toBe("ready");
  } finally {
    await second.stop();
    rmSync(dataDir, { recursive: true });
  }
});
