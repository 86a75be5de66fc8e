/**
 * The work of the demo: which files there are, and what a file's digest is.
 * Invariant: the workers and the check of their results compute a digest by this same function, each on its own.
 */
import { createHash } from "node:crypto";
import { accessSync, constants, createReadStream, type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";
import { createGzip } from "node:zlib";

/** What a worker finds out about a file. */
export interface Digest {
  readonly sha256: string;
  readonly bytes: number;
  /** Line feeds, and a last line without one. */
  readonly lines: number;
  /** Runs of bytes that are not ASCII white space. */
  readonly words: number;
  readonly gzipBytes: number;
}

/** The files below a folder. */
export interface Found {
  readonly files: readonly string[];
  readonly unreadable: readonly string[];
  /** Symbolic links are not followed, and what is no file (a socket, a device) has no digest. */
  readonly skipped: number;
}

const isSpace = new Uint8Array(256);
for (const code of [9, 10, 11, 12, 13, 32]) isSpace[code] = 1;
const lineFeed = 10;

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

/** Reads a file once and digests it. Rejects when it cannot be read. */
export async function digest(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  const gzip = createGzip({ level: 1 });
  let gzipBytes = 0;
  gzip.on("data", (chunk: Buffer) => {
    gzipBytes += chunk.length;
  });
  const zipped = new Promise((resolve, reject) => gzip.once("end", resolve).once("error", reject));
  let [bytes, lines, words, last] = [0, 0, 0, lineFeed];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once("drain", resolve));
    bytes += chunk.length;
    for (const byte of chunk) {
      if (byte === lineFeed) lines++;
      if (isSpace[byte] === 0 && isSpace[last] === 1) words++;
      last = byte;
    }
  }
  gzip.end();
  await zipped;
  if (last !== lineFeed) lines++;
  return { sha256: hash.digest("hex"), bytes, lines, words, gzipBytes };
}
