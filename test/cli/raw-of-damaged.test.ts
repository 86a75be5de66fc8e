/**
 * A raw export by hand of a queue whose storage is not used: that is what it is for.
 * Invariant: the server here answers as a damaged queue does: its storage as it is, and 503 `store_corrupt` to all about snapshots.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestServer } from "../server.ts";
import { run } from "./run.ts";

const rows = '{"table":"raft_state","row":{"one":1}}\n{"end":true}\n';
const damaged = {
  code: "store_corrupt",
  status: 503,
  retryable: false,
  detail: "The storage is not used.",
};

let server: Server;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-damaged-"));
  server = createServer((request, response) => {
    const isRaw = request.url?.endsWith("/raw") === true;
    response.writeHead(isRaw ? 200 : 503, {
      "content-type": isRaw ? "application/x-ndjson" : "application/problem+json",
    });
    response.end(isRaw ? rows : JSON.stringify(damaged));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test("a raw export of a damaged queue into a file succeeds", async () => {
  const file = join(folder, "raw.ndjson");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = { url, token: "token-of-nobody" } as TestServer;
  const { code, err } = await run(target, ["export", "damaged", file, "--raw"], "", { folder });
  expect(readFileSync(file, "utf8")).toBe(rows);
  expect({ code, err }).toEqual({ code: 0, err: `damaged is in ${file}.` });
});
