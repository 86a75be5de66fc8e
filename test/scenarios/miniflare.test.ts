/**
 * The bundle that is deployed, on Miniflare's API and on a copied data directory.
 * Invariant: a delayed job becomes ready in time by the alarm alone, also over a stop and a start.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterEach, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { build } from "../../scripts/build.ts";
import { settings } from "../../scripts/wrangler.ts";
import { Queue } from "../../src/client/index.ts";
import { startServer } from "../server.ts";

const token = "a-token";
const delayMs = 2_000;
const claimsMax = 10_000;
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-scenario-"));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Sluice on Miniflare, as an embedding program would start it. */
async function embed(folder: string): Promise<{ miniflare: Miniflare; queue: Queue }> {
  const { module } = await build();
  const { compatibility_date: compatibilityDate } = unstable_readConfig({ config: settings });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      scriptPath: module,
      compatibilityDate,
      durableObjects: {
        QUEUE: { className: "QueueObject", useSQLite: true },
        DIRECTORY: { className: "DirectoryObject", useSQLite: true },
      },
      bindings: { SLUICE_TOKEN: token },
      resourcePersistencePath: folder,
    }),
  );
  const url = (await miniflare.ready).href;
  return { miniflare, queue: new Queue({ name: "mail", url, token }) };
}

/** Claims until there is a job; each claim is a request, so this takes time without waiting for it. */
async function claimed(queue: Queue): Promise<string> {
  for (let n = 0; n < claimsMax; n++) {
    const [job] = (await queue.claim()).jobs;
    if (job !== undefined) return job.id;
  }
  throw new Error(`no job after ${claimsMax} claims`);
}

it("hands out a delayed job after Miniflare was disposed and started again", async () => {
  const folder = newFolder();
  const first = await embed(folder);
  const { id } = await first.queue.enqueue({ to: "ada" }, { delayMs });
  expect((await first.queue.get(id)).state).toBe("scheduled");
  await first.miniflare.dispose();
  const second = await embed(folder);
  try {
    expect(await claimed(second.queue)).toBe(id);
  } finally {
    await second.miniflare.dispose();
  }
});

it("serves the same jobs from a copy of the data directory", async () => {
  const [original, copy] = [newFolder(), newFolder()];
  const before = await startServer({ dataDir: original });
  const mail = new Queue({ name: "mail", url: before.url, token: before.token });
  const { id } = await mail.enqueue({ to: "ada" }, { labels: { copy: "yes" } });
  const { id: later } = await mail.enqueue({ to: "bob" }, { delayMs: 3_600_000 });
  const jobs = [await mail.get(id), await mail.get(later)];
  await before.stop();
  cpSync(original, copy, { recursive: true });
  const after = await startServer({ dataDir: copy });
  try {
    const restored = new Queue({ name: "mail", url: after.url, token: after.token });
    expect([await restored.get(id), await restored.get(later)]).toEqual(jobs);
    expect(await claimed(restored)).toBe(id);
  } finally {
    await after.stop();
  }
});
