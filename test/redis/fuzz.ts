/**
 * `npm run fuzz [-- inputs [seed]]`: sends a connection what a broken or hostile client may, a million times unless told otherwise.
 * Invariant: whatever comes, nothing is thrown, what is answered is RESP, and it is the same however the bytes are cut.
 */
import { ReplyScanner } from "../../src/redis/reply-scanner.ts";
import { bytes, randomOf, slices } from "./bytes.ts";
import { drawBytes } from "./drawn-bytes.ts";
import { Line } from "./line.ts";

/** What a connection answers to slices. */
async function answerTo(parts: readonly Uint8Array[]) {
  const line = new Line();
  for (const part of parts) await line.connection.receive(part);
  const { sent, isEnded, reported } = line;
  return { sent, isEnded, reported, isHeld: line.connection.isHeld };
}

/** Tries the input of one seed. Returns what is wrong with it, or nothing. */
export async function fuzz(seed: number): Promise<string | undefined> {
  const random = randomOf(seed);
  const said = drawBytes(random);
  try {
    const whole = await answerTo([bytes(said)]);
    const cut = await answerTo(slices(said, random, 1 + Math.floor(random() * 8)));
    new ReplyScanner().push(bytes(whole.sent));
    if (whole.reported.length > 0) return `seed ${seed}: ${String(whole.reported[0])}`;
    const [one, other] = [JSON.stringify(whole), JSON.stringify(cut)];
    return one === other ? undefined : `seed ${seed}: ${one} in one piece, ${other} in slices`;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

if (import.meta.main) {
  const [inputs = 1_000_000, first = Date.now() % 1_000_000_000] = process.argv
    .slice(2)
    .map(Number);
  console.log(`${inputs} inputs from seed ${first}`);
  for (let seed = first; seed < first + inputs; seed++) {
    const wrong = await fuzz(seed);
    if (wrong !== undefined) {
      console.error(wrong);
      process.exitCode = 1;
      break;
    }
  }
  if (process.exitCode === undefined)
    console.log("nothing was thrown, and all was answered in RESP");
}
