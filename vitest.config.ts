/**
 * How `npm test` runs: one project on Node, one inside workerd with the bindings of wrangler.toml.
 * Invariant: a test in a folder named `workerd` runs in workerd, every other test on Node.
 */
import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // On two cores, one worker would leave the other idle whenever a test waits for a server.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ["default", "./scripts/test-reporter.ts"],
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/workerd/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { SLUICE_TOKEN: "test-token" } },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/**/workerd/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
