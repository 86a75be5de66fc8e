/**
 * Bytes that a broken or hostile client may send: calls, pieces of calls, and noise.
 * Invariant: drawn from the given chance alone.
 */
import { redisCommandTable } from "../../src/contract/redis-commands.ts";
import { encodeCall } from "../../src/redis/frames.ts";

const pieces = [
  "*1\r\n$4\r\nPING\r\n",
  "*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
  "*0\r\n",
  "*-1\r\n",
  "*",
  "$",
  "\r\n",
  "\r",
  "\n",
  "*3\r\n",
  "$-1\r\n",
  "$0\r\n\r\n",
  "$5\r\nab\r\nc\r\n",
  "*99999999999\r\n",
  "$8388609\r\n",
  "*01\r\n",
  "*1\r\n$04\r\n",
  "PING\r\n",
  'SET a "b c\\x00"\n',
  "SET 'a\\'b'\r\n",
  '"unclosed\r\n',
  '"closed"x\r\n',
  "\0\0\r\n",
  "*1\r\n!3\r\nabc\r\n",
];

/** Some bytes, as a binary string; `hasCommands`: also with commands of the table. */
export function drawBytes(random: () => number, hasCommands = true): string {
  let text = "";
  const length = Math.floor(random() * 6);
  for (let i = 0; i <= length; i++) text += drawPiece(random, hasCommands);
  return text;
}

function drawPiece(random: () => number, hasCommands: boolean): string {
  const chance = random();
  if (hasCommands && chance < 0.3) return encodeCall(drawCommand(random));
  if (chance < 0.65) return pieces[Math.floor(random() * pieces.length)] ?? "";
  if (chance < 0.8) return encodeCall(drawCall(random));
  if (chance < 0.9) return cut(encodeCall(drawCall(random)), random);
  return drawNoise(random);
}

const commands = [...redisCommandTable.keys()];
const words = (
  "a b 0 1 -1 3 2 4 default s3cret AUTH SETNAME setname getname info id reply on off setinfo lib-name docs list count " +
  "getkeys get set * ** constructor __proto__ no-evict server all"
).split(" ");

/** A command of the table, with words that some of them know. */
function drawCommand(random: () => number): string[] {
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] ?? "";
  const args = Array.from({ length: Math.floor(random() * 5) }, () => pick(words));
  const gate = ["multi", "exec", "watch", "client", "command", "config", "hello", "auth", "info"];
  return [pick(random() < 0.6 ? gate : commands), ...args];
}

/** A call, or what is left of one. */
const cut = (text: string, random: () => number): string =>
  text.slice(0, Math.floor(random() * text.length));

const drawCall = (random: () => number): string[] =>
  Array.from({ length: 1 + Math.floor(random() * 4) }, () => drawNoise(random));

function drawNoise(random: () => number): string {
  let text = "";
  const length = Math.floor(random() * 12);
  for (let i = 0; i < length; i++) text += String.fromCharCode(Math.floor(random() * 256));
  return text;
}
