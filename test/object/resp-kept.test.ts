/** What stands with a Redis connection's socket while its object sleeps, up to the room there is, and what becomes of more. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { RedisRig } from "./redis-rig.ts";

/** A client that follows channels whose names fill what is kept to `chars`, and what is kept of it. */
async function following(chars: number) {
  const rig = new RedisRig();
  const client = rig.client();
  const follow = async (channel: string) => {
    await client.says(`SUBSCRIBE ${channel}`);
    return client.socket.kept();
  };
  let kept = await follow("c");
  const room = () => chars - JSON.stringify(kept).length;
  // A name takes two quotes and a comma besides.
  for (let n = 0; room() > 1000; n += 1) kept = await follow(`${n}`.padEnd(900, "x"));
  kept = await follow("y".repeat(room() - 3));
  return { rig, client, kept };
}

test("fits to the last character, and outlives the instance", async () => {
  const { rig, client, kept } = await following(limits.respKeptCharsMax);
  expect(JSON.stringify(kept)).toHaveLength(limits.respKeptCharsMax);
  expect(kept).toMatchObject({ isHeld: false });
  expect(rig.timers.size).toBe(0);
  await rig.evict();
  expect(await rig.client().says("PUBLISH c news")).toBe(":1\r\n");
  expect(client.heard()).toContain("news");
  expect(client.socket.closed).toBe(0);
});

test("of one character more keeps the object awake instead, and an instance that is lost loses the connection", async () => {
  const { rig, client, kept } = await following(limits.respKeptCharsMax + 1);
  expect(kept).toMatchObject({ isHeld: true, session: { channels: [], patterns: [] } });
  expect(rig.timers.size).toBe(1);
  expect(await rig.client().says("PUBLISH c news")).toBe(":1\r\n");
  await rig.evict();
  expect(client.socket.closed).toBe(1);
});
