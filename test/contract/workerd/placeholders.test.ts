/**
 * Placeholders inside workerd, whose `JSON.parse` must tell how a number is written.
 */
import { expect, test } from "vitest";
import { resolveTasks } from "../../../src/contract/placeholders.ts";

test("a number is put in as the input writes it", () => {
  const inputText = `{"deep":${"[".repeat(100_000)}${"]".repeat(100_000)},"n":12345678901234567890,"m":1.50}`;
  const tasks = [{ task_number: 1, command: "echo", args: ["{{input.n}} {{input.m}}"] }];
  expect(resolveTasks(tasks, inputText)).toMatchObject([{ args: ["12345678901234567890 1.50"] }]);
});
