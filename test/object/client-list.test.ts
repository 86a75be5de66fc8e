/**
 * CLIENT LIST: who is connected to a queue, also of those who said nothing since the object slept.
 */
import { expect, test } from "vitest";
import { RedisRig } from "./redis-rig.ts";

/** The names and some more fields of the clients that a reply tells of. */
const told = (reply: string): string[] =>
  [
    ...reply.matchAll(
      /^(?:\$\d+\r\n)?id=\d+ .* name=(\S*) .* flags=(\S) .* sub=(\d) psub=(\d) .* lib-name=(\S*) /gm,
    ),
  ].map(([, ...fields]) => fields.join());

test("CLIENT LIST tells of every connection in the order in which they came", async () => {
  const rig = new RedisRig();
  const [ada, bob, gone, eve] = [rig.client(), rig.client(), rig.client(), rig.client()];
  await ada.says("CLIENT SETNAME ada", "CLIENT SETINFO LIB-NAME mine");
  await bob.says("CLIENT SETNAME bob", "SUBSCRIBE a b", "PSUBSCRIBE c*");
  await gone.says("CLIENT SETNAME gone");
  gone.leave();
  const all = ["ada,N,0,0,mine", "bob,P,2,1,", ",N,0,0,"];
  expect(told(await eve.says("CLIENT LIST"))).toEqual(all);
  await rig.evict();
  expect(told(await eve.says("CLIENT LIST"))).toEqual(all);
});

test("CLIENT LIST may be of a kind of clients, or of some", async () => {
  const rig = new RedisRig();
  const [ada, bob] = [rig.client(), rig.client()];
  const id = (await ada.says("CLIENT ID")).slice(1, -2);
  await bob.says("CLIENT SETNAME bob", "SUBSCRIBE a");
  expect(told(await ada.says("CLIENT LIST TYPE pubsub"))).toEqual(["bob,P,1,0,"]);
  expect(told(await ada.says("CLIENT LIST TYPE NORMAL"))).toEqual([",N,0,0,"]);
  expect(told(await ada.says(`CLIENT LIST ID 1 ${id}`))).toEqual([",N,0,0,"]);
  for (const [line, reply] of [
    ["CLIENT LIST TYPE master", "$0\r\n\r\n"],
    ["CLIENT LIST TYPE x", "-ERR Unknown client type 'x'\r\n"],
    ["CLIENT LIST TYPE", "-ERR syntax error\r\n"],
    ["CLIENT LIST ID", "-ERR syntax error\r\n"],
    ["CLIENT LIST ID x", "-ERR Invalid client ID\r\n"],
    ["CLIENT LIST ALL", "-ERR syntax error\r\n"],
  ] as const) {
    expect(`${line} → ${await ada.says(line)}`).toBe(`${line} → ${reply}`);
  }
});
