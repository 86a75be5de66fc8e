/**
 * What a query may be, and what is said about one that may not.
 * Invariant: what is refused never reaches an object.
 */
import { expect, test } from "vitest";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";

test.each([
  "state=odd",
  "include=result",
  "limit=0",
  "limit=1e2",
  "limit=",
  "foo=1",
  "label=a%20b",
])("a list with %s", async (query) => {
  const gate = new Recorder();
  const response = await gate.send("GET", `${q}/jobs?${query}`);
  expect(response.status).toBe(422);
  expect((await problemIn(response)).pointers).toEqual([`/${query.split("=")[0]}`]);
  expect(gate.calls).toEqual([]);
});

test("a query with a field twice", async () => {
  const gate = new Recorder();
  const response = await gate.send("GET", `${q}/jobs?state=ready&state=failed`);
  expect((await problemIn(response)).pointers).toEqual(["/state"]);
  expect(gate.calls).toEqual([]);
});

test.each([
  ["GET", "/stats"],
  ["GET", "/jobs/a"],
  ["DELETE", "/jobs/a"],
  ["POST", "/claim"],
  ["POST", "/jobs"],
])("a query where none is taken: %s %s", async (method, path) => {
  const gate = new Recorder();
  const response = await gate.send(method, `${q}${path}?max=5`, method === "POST" ? {} : undefined);
  const { code, pointers } = await problemIn(response);
  expect([code, pointers]).toEqual(["field_unknown", ["/max"]]);
  expect(gate.calls).toEqual([]);
});

test("a number of a query that is out of its bounds, in words about numbers", async () => {
  const response = await new Recorder().send("GET", `${q}/jobs?limit=-1`);
  expect((await problemIn(response)).detail).toContain("Too small");
});

test("a deletion that is neither forced nor not", async () => {
  const gate = new Recorder();
  expect((await gate.send("DELETE", `${q}?force=yes`)).status).toBe(422);
  expect(gate.calls).toEqual([]);
});
