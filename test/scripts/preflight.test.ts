/**
 * The check of the machine, on this one and on machines that are made to look worse.
 */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

/** Runs the check in a Node whose `process` is changed first. */
function preflight(change = ""): { status: number | null; stderr: string } {
  const disguise = `data:text/javascript,${encodeURIComponent(change)}`;
  return spawnSync(process.execPath, ["--import", disguise, "scripts/preflight.mjs"], {
    encoding: "utf8",
  });
}

it("says nothing on a machine that has all", () => {
  expect(preflight()).toMatchObject({ status: 0, stderr: "" });
});

it.each([
  ["an old Node", "versions", { ...process.versions, node: "20.20.2" }, "Sluice needs Node 22.12"],
  ["another system", "platform", "freebsd", "workerd does not run on freebsd"],
  ["another processor", "arch", "ppc64", "workerd does not run on"],
])("says in one sentence what to do on %s", (_machine, property, value, begin) => {
  const change = `Object.defineProperty(process, "${property}", { value: ${JSON.stringify(value)} })`;
  const { status, stderr } = preflight(change);
  expect(status).toBe(1);
  expect(stderr.startsWith(begin)).toBe(true);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

it.runIf(process.platform === "linux").each([
  [
    "an old glibc",
    { glibcVersionRuntime: "2.31" },
    "workerd needs glibc 2.35 or later and this machine has 2.31",
  ],
  ["another C library", {}, "workerd needs glibc 2.35 or later and this Linux has another"],
])("says in one sentence what to do with %s", (_library, header, begin) => {
  const { status, stderr } = preflight(
    `process.report.getReport = () => (${JSON.stringify({ header })})`,
  );
  expect(status).toBe(1);
  expect(stderr.startsWith(begin)).toBe(true);
});
