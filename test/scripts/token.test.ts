/**
 * The token of the servers on one machine.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { localToken } from "../../scripts/token.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const rights = (file: string): number => statSync(file).mode & 0o777;

it("makes a token of 64 hex digits once, in two files that only their owner may read", () => {
  const devVars = join(folder, ".dev.vars");
  const { token, file } = localToken(join(folder, "data"), devVars);
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(readFileSync(file, "utf8")).toBe(`${token}\n`);
  expect(readFileSync(devVars, "utf8")).toBe(`SLUICE_TOKEN=${token}\n`);
  expect([rights(file), rights(devVars)]).toEqual([0o600, 0o600]);
  expect(localToken(join(folder, "data"), devVars).token).toBe(token);
});

it("takes the token of .dev.vars, also over one of the data directory", () => {
  const devVars = join(folder, ".dev.vars");
  localToken(join(folder, "data"), devVars);
  writeFileSync(devVars, 'OTHER=1\nSLUICE_TOKEN="chosen"\n');
  const { token, file } = localToken(join(folder, "data"), devVars);
  expect(token).toBe("chosen");
  expect(readFileSync(file, "utf8")).toBe("chosen\n");
});

it("adds its token to a .dev.vars that has other things", () => {
  const devVars = join(folder, ".dev.vars");
  writeFileSync(devVars, "OTHER=1", { mode: 0o644 });
  const { token } = localToken(folder, devVars);
  expect(readFileSync(devVars, "utf8")).toBe(`OTHER=1\nSLUICE_TOKEN=${token}\n`);
  expect(rights(devVars)).toBe(0o600);
});
