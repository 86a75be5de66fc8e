/**
 * What the bridge writes to the TCP connection of a client.
 * Invariant: one write at most is under way, of one piece at most, and all goes in order; what was taken is told piece by piece, as the system takes it.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { limits } from "../contract/limits.ts";

/** Bytes of a piece: the queue need not be told of fewer. */
const PIECE_BYTES = limits.respUnsaidBytesMax;

/** Is told how many bytes more of what was written have been taken. */
type Taken = (bytes: number) => void;

/** Part of what is to be written, which fits into a piece. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly taken: Taken;
}

/** Writes that queue up on a socket go as one, and none of them counts as taken before the last: who reads slowly would seem not to read. So they queue up here. */
export class PieceWriter {
  readonly #socket: Socket;
  /** What stands behind the write under way. */
  readonly #waiting: Chunk[] = [];
  /** Bytes that have not been taken, and whether they were a piece or more since there were none. */
  #bytes = 0;
  #isBehind = false;
  #isWriting = false;
  #isEnding = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether the other end does not take what there is for it. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Writes behind all that was written before. */
  write(bytes: Uint8Array, taken: Taken): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#waiting.push({ bytes: bytes.subarray(at, at + PIECE_BYTES), taken });
    }
    this.#bytes += bytes.length;
    if (this.#bytes >= PIECE_BYTES) this.#isBehind = true;
    this.#goOn();
  }

  /** Ends the connection on this side, behind all that was written. */
  end(): void {
    this.#isEnding = true;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#isWriting) return;
    if (this.#waiting.length > 0) this.#writePiece(this.#nextPiece());
    else if (this.#isEnding) this.#socket.end();
  }

  #writePiece(chunks: readonly Chunk[]): void {
    const [first, ...others] = chunks.map(({ bytes }) => bytes);
    if (first === undefined) return;
    const piece = others.length === 0 ? first : Buffer.concat([first, ...others]);
    this.#isWriting = true;
    this.#socket.write(piece, (error) => {
      // The connection is gone, and takes nothing more.
      if (error) return;
      this.#isWriting = false;
      this.#bytes -= piece.length;
      if (this.#bytes === 0) this.#isBehind = false;
      for (const { bytes, taken } of chunks) taken(bytes.length);
      this.#goOn();
    });
  }

  /** What waits longest, as much as fits: a thousand small replies are one write. */
  #nextPiece(): Chunk[] {
    let count = 0;
    for (let room = PIECE_BYTES; count < this.#waiting.length; count += 1) {
      room -= this.#waiting[count]?.bytes.length ?? 0;
      if (room < 0) break;
    }
    return this.#waiting.splice(0, count);
  }
}
