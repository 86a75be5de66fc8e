/**
 * `node test/conformance/golden/write.ts` writes the golden files that are not there.
 * Invariant: none that is there is ever changed: what it holds was written by a released version, and stays readable.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../../src/contract/commands.ts";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { checkpoint, openPorts } from "../../../src/store/ports.ts";
import { openStore } from "../../../src/store/schema.ts";
import { NodeSql } from "../../../src/store/sql-node.ts";
import { EngineRig } from "../../object/rig.ts";
import { config } from "../entries.ts";
import { essenceOf, type QueueHand, queueConfig, queueSteps } from "../queue-history.ts";
import { goldenQueue } from "./index.ts";
import { makeGoldenStore, textOf } from "./store-history.ts";

/** An engine of which time passes by hand. */
function handOf(rig: EngineRig): QueueHand {
  return {
    answer: (name, input, key) => {
      const request = { v: 1, name, input, bytes: 100, ...(key && { key }) } as CommandRequest;
      const isRead = commands[name].access === "read";
      return isRead ? rig.engine.read(request) : rig.engine.submit(request);
    },
    advance: async (ms) => {
      const until = rig.now + ms;
      while (rig.armed !== null && rig.armed <= until) await rig.fire();
      rig.now = until;
    },
  };
}

async function golden() {
  const store = new NodeSql();
  makeGoldenStore(store);
  const rig = new EngineRig();
  const tokens = new Map<string, string>();
  for (const { take } of queueSteps) await take(handOf(rig), tokens);
  const opened = openStore(rig.sql);
  const entries = opened.entries({ from: 1, maxBytes: 1e9 });
  const ports = openPorts(new NodeSql(), queueConfig);
  ports.state.create({ queueId: "golden", term: 1 });
  // Of the log as it was written once, with the rows of today.
  ports.machine.apply(goldenQueue.entries);
  checkpoint(ports, config.limits);
  ports.snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot();
  const current = ports.snapshots.currentSnapshot();
  return {
    "store-1.json": textOf(store),
    "queue-1.json": { entries, jobs: essenceOf(opened.tables) },
    "snapshot-2.json": current && { meta: current.meta, chunks: [...current.chunks()] },
  };
}

for (const [name, content] of Object.entries(await golden())) {
  const path = join(import.meta.dirname, name);
  if (existsSync(path)) continue;
  writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`);
  console.log(`${path} was written`);
}
