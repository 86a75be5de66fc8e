/**
 * The first words of Redis clients to a queue that is not there yet.
 */
import { expect, test } from "vitest";
import { RedisRig } from "./redis-rig.ts";

test("names of a queue that is not there yet can be watched, and EXEC makes the queue", async () => {
  const client = new RedisRig().client();
  expect(await client.says("WATCH a", "MULTI", "SET a 1", "EXEC")).toBe(
    "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n",
  );
});

test("EXEC does nothing where somebody else has made the queue and a watched name of it meanwhile", async () => {
  const rig = new RedisRig();
  const [client, other] = [rig.client(), rig.client()];
  await client.says("WATCH a");
  await other.says("SET a theirs");
  expect(await client.says("MULTI", "SET a 1", "EXEC", "GET a")).toBe(
    "+OK\r\n+QUEUED\r\n*-1\r\n$6\r\ntheirs\r\n",
  );
});
