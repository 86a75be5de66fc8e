/**
 * Where the chunks of a snapshot end: before the line that would take one past the limit.
 * Invariant: that follows from the lines alone, so that equal lines give equal chunks.
 */
import { utf8Bytes } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";

/**
 * Gathers lines into chunks.
 *
 * @example
 * const chunker = new Chunker();
 * const full = chunker.add('["jobs",1,…]'); // the chunk that ended before this line, if one did
 */
export class Chunker {
  #lines: string[] = [];
  #bytes = 0;

  /** Lines of the chunk that is being gathered. */
  get lines(): number {
    return this.#lines.length;
  }

  /** Takes a line without its end. Returns the chunk that was full before it. */
  add(line: string): string | undefined {
    const bytes = utf8Bytes(line) + 1;
    const full = this.#bytes + bytes > limits.snapshotChunkBytes ? this.end() : undefined;
    this.#lines.push(line);
    this.#bytes += bytes;
    return full;
  }

  /** Ends the chunk; undefined where it has no lines. */
  end(): string | undefined {
    if (this.#lines.length === 0) return undefined;
    const chunk = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    this.#bytes = 0;
    return chunk;
  }
}
