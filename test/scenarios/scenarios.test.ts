/**
 * Every transcript of this folder, replayed: the answers are those that it tells.
 * `npx vitest run test/scenarios/scenarios.test.ts -u` writes the answers anew; read the difference before keeping it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replay } from "./transcript.ts";

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

test.each(names)("%s is what happens", async (name) => {
  const path = join(folder, name);
  await expect(await replay(readFileSync(path, "utf8"))).toMatchFileSnapshot(path);
});
