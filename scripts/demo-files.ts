/**
 * The work of the demo: which files there are, the plan that the workers run on each, and what should come out.
 * Invariant: the truth is computed here from the bytes of the file, by nothing that the workers use.
 */
import { accessSync, constants, createReadStream, type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../src/client/index.ts";

/** Three commands that POSIX has, so that Linux and macOS have them alike. */
export const plan: Plan = {
  plan_id: "measure",
  plan_description: "The checksum and size of a file, and its lines",
  tasks: [
    { task_number: 1, command: "cksum", args: ["{{input.path}}"], timeout_secs: 60 },
    { task_number: 2, command: "cut", args: ["-d", " ", "-f", "1,2"], input_from_task: 1 },
    { task_number: 3, command: "wc", args: ["-l", "{{input.path}}"], timeout_secs: 60 },
  ],
};

/** What a job finds out about a file. */
export interface Measure {
  /** The CRC of POSIX. */
  readonly checksum: number;
  readonly bytes: number;
  /** Line feeds. */
  readonly lines: number;
}

/** The files below a folder. */
export interface Found {
  readonly files: readonly string[];
  readonly unreadable: readonly string[];
  /** Symbolic links are not followed, and what is no file (a socket, a device) is not measured. */
  readonly skipped: number;
}

const LINE_FEED = 10;
/** The polynomial of cksum: x³² + x²⁶ + x²³ + x²² + x¹⁶ + x¹² + x¹¹ + x¹⁰ + x⁸ + x⁷ + x⁵ + x⁴ + x² + x + 1. */
const POLYNOMIAL = 0x04c11db7;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) rest = rest < 0 ? (rest << 1) ^ POLYNOMIAL : rest << 1;
  return rest >>> 0;
});
const withByte = (crc: number, byte: number): number =>
  ((crc << 8) ^ (table[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;

/** Finds the files below `folder`, in order of their paths, but not those, nor in folders, that are left out. */
export function findFiles(folder: string, isLeftOut: (name: string) => boolean): Found {
  const files: string[] = [];
  const unreadable: string[] = [];
  let skipped = 0;
  const open = [folder];
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    for (const entry of entriesOf(here, unreadable)) {
      const path = join(here, entry.name);
      if (isLeftOut(entry.name)) continue;
      if (entry.isDirectory()) open.push(path);
      else if (!entry.isFile()) skipped++;
      else (isReadable(path) ? files : unreadable).push(path);
    }
  }
  return { files: files.sort(), unreadable: unreadable.sort(), skipped };
}

function entriesOf(folder: string, unreadable: string[]): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    unreadable.push(folder);
    return [];
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Reads a file and measures it. Rejects when it cannot be read. */
export async function measure(path: string): Promise<Measure> {
  let [crc, bytes, lines] = [0, 0, 0];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (const byte of chunk) {
      crc = withByte(crc, byte);
      if (byte === LINE_FEED) lines += 1;
    }
  }
  // The length follows, its lowest byte first.
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) crc = withByte(crc, rest % 256);
  return { checksum: ~crc >>> 0, bytes, lines };
}
