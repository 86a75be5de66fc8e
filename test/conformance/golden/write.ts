/**
 * `node test/conformance/golden/write.ts` writes the golden files that are not there.
 * Invariant: none that is there is ever changed: what it holds was written by a released version, and stays readable.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../../src/contract/commands.ts";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { storeFormat } from "../../../src/store/hard-state.ts";
import { checkpoint } from "../../../src/store/ports.ts";
import { openStore, type SluiceStore } from "../../../src/store/schema.ts";
import { NodeSql } from "../../../src/store/sql-node.ts";
import { EngineRig } from "../../object/rig.ts";
import { currentOf } from "../current.ts";
import { config } from "../entries.ts";
import type { QueueHand } from "../queue-hand.ts";
import { essenceOf, takeSteps } from "../queue-history.ts";
import { portsBehind } from "../transfer.ts";
import type { GoldenLog } from "./index.ts";
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

/** The log behind the last import, and the state that it goes on from. */
function logOf(store: SluiceStore): GoldenLog {
  const { snapshots, hard, purged, tables } = store;
  if (hard === undefined) throw new Error("the history has made no queue");
  const { meta, chunks } = currentOf(snapshots);
  const entries = store.entries({ from: purged.index + 1, maxBytes: 1e9 });
  const from = { meta: { ...meta, last: hard.purged }, chunks };
  return { from, entries, jobs: essenceOf(tables) };
}

async function history(): Promise<GoldenLog> {
  const rig = new EngineRig();
  await takeSteps(handOf(rig));
  return logOf(openStore(rig.sql));
}

/** What a log makes, with the rows of today. */
function snapshotOf({ from, entries }: GoldenLog) {
  const ports = portsBehind(new NodeSql(), from, "golden");
  ports.machine.apply(entries);
  checkpoint(ports, config.limits);
  ports.snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot();
  return currentOf(ports.snapshots);
}

function goldenStore() {
  const store = new NodeSql();
  makeGoldenStore(store);
  return textOf(store);
}

const pathOf = (name: string): string => join(import.meta.dirname, name);

/** What a file holds; where it is not there, what `make` makes, which is then written. */
async function golden<T>(name: string, make: () => T | Promise<T>): Promise<T> {
  const path = pathOf(name);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
  const content = await make();
  writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`);
  console.log(`${path} was written`);
  return content;
}

await golden(`store-${storeFormat}.json`, goldenStore);
const written = [
  await golden<GoldenLog>("queue-1.json", history),
  await golden("queue-2.json", history),
  await golden("queue-3.json", history),
  await golden("queue-4.json", history),
  await golden("queue-5.json", history),
  await golden("queue-6.json", history),
  await golden("queue-7.json", history),
];
// What each of them makes, of the log as it was written once.
for (const [i, log] of written.entries()) {
  await golden(`snapshot-${i + 19}.json`, () => snapshotOf(log));
}
