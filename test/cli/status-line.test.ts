/** The line that tells how far work is, as a terminal would get it. */
import { expect, test } from "vitest";
import { StatusLine } from "../../src/cli/status-line.ts";

/** What a line writes. */
function line(isTerminal: boolean) {
  let written = "";
  const status = new StatusLine((text) => {
    written += text;
  }, isTerminal);
  return { status, written: () => written };
}

test("a line takes the place of the one before, and messages stand above it", () => {
  const { status, written } = line(true);
  status.say("hello\n");
  status.show("1 running");
  status.show("2 running");
  status.say("job a is completed.\n");
  status.end();
  const erase = "\r\x1b[2K";
  expect(written()).toBe(
    `hello\n${erase}1 running${erase}2 running${erase}job a is completed.\n2 running${erase}`,
  );
});

test("where there is no terminal only messages are written", () => {
  const { status, written } = line(false);
  status.show("1 running");
  status.say("job a is completed.\n");
  status.end();
  expect(written()).toBe("job a is completed.\n");
});
