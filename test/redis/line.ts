/**
 * A connection for tests, without a socket: bytes in, and what it sent.
 * Invariant: what it reports is a fault of the code, and fails the test that does not expect it.
 */
import { Buffer } from "node:buffer";
import { AllUntaken } from "../../src/redis/all-untaken.ts";
import { type BlockedCall, Connection } from "../../src/redis/connection.ts";
import { newSession } from "../../src/redis/session.ts";
import { bytes } from "./bytes.ts";
import { FakeQueue } from "./fake-queue.ts";

export class Line {
  readonly queue: FakeQueue;
  readonly connection: Connection;
  /** Each message that was sent, as a binary string. */
  readonly messages: string[] = [];
  readonly reported: unknown[] = [];
  /** Calls that waited, each from when it did. */
  readonly blocked: BlockedCall[] = [];
  isEnded = false;
  /** It was ended for what it has not taken. */
  isUntaken = false;
  /** How often calls have begun to wait for replies to be taken. */
  stalls = 0;
  /** Is called when calls begin to wait for replies to be taken. */
  whenStalled = (): void => undefined;
  /** Is called when a call waits. */
  whenBlocked = (): void => undefined;

  constructor(
    queue = new FakeQueue(),
    needsAuth = false,
    saysTaken = false,
    untaken = new AllUntaken(),
  ) {
    this.queue = queue;
    this.connection = new Connection(newSession(1, queue.now(), { needsAuth, saysTaken }), {
      queue: queue.queue,
      untaken,
      hub: queue.hub,
      run: queue.run,
      versions: queue.versions,
      isToken: (password) => queue.isToken(password),
      now: () => queue.now(),
      send: (sent) => {
        if (this.isEnded) throw new Error("a connection that has ended sends");
        this.messages.push(Buffer.from(sent).toString("latin1"));
      },
      end: (isUntaken) => {
        this.isUntaken = isUntaken;
        if (this.isEnded) throw new Error("a connection ends twice");
        this.isEnded = true;
      },
      report: (error) => this.reported.push(error),
      stall: () => {
        this.stalls += 1;
        this.whenStalled();
      },
      heard: () => undefined,
      block: (blocked) => {
        this.blocked.push(blocked);
        this.whenBlocked();
      },
    });
  }

  hear(text: string): Promise<void> {
    return this.connection.receive(bytes(text));
  }

  /** All that was sent. */
  get sent(): string {
    return this.messages.join("");
  }
}
