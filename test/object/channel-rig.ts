/**
 * A worker's end of a channel on an engine in memory: what it said, what it was sent, and whether that was allowed.
 * Invariant: it throws as soon as it is sent more than its credit allows.
 */

import type { ClaimedJob } from "../../src/contract/leases.ts";
import { newChannel } from "../../src/object/channel.ts";
import type { Harness } from "../engine-harness.ts";
import type { Sent } from "./channel-frames.ts";
import { TestSocket } from "./wait-socket.ts";

export const secretOf = (name: string): string => name.padEnd(32, "x");

/** The settlements that complete jobs. */
export const complete = (jobs: readonly { readonly id: string; readonly token: string }[]) =>
  jobs.map(({ id, token }) => ({ op: "complete", id, token }));

export class TestChannel {
  readonly socket = new TestSocket();
  readonly #q: Harness;
  /** Jobs of each delivery that was not acknowledged yet. */
  readonly #arrived = new Map<number, readonly ClaimedJob[]>();
  #read = 0;
  /** How many jobs may arrive beyond what was acknowledged. */
  #allowed = 0;

  private constructor(q: Harness) {
    this.#q = q;
  }

  /** Opens a channel and says hello. */
  static async hello(q: Harness, name: string, said: object = {}): Promise<TestChannel> {
    const channel = new TestChannel(q);
    channel.socket.keep({ order: 0, channel: newChannel(q.now) });
    q.sockets.push(channel.socket);
    await channel.say({ type: "hello", session: secretOf(name), ...said });
    return channel;
  }

  /** Says something. Credit is noted, to hold against it what comes. */
  async say(frame: { readonly type: string; readonly [member: string]: unknown }): Promise<void> {
    const { ack, credit } = frame as { readonly ack?: number; readonly credit?: number };
    this.look();
    // What is acknowledged has used up its part of the credit.
    const before = this.underway;
    for (const delivery of this.#arrived.keys()) {
      if (ack !== undefined && delivery <= ack) this.#arrived.delete(delivery);
    }
    this.#allowed -= before - this.underway;
    if (credit !== undefined) this.#allowed = Math.max(credit, this.underway);
    await this.#q.say(this.socket, JSON.stringify(frame));
    this.look();
  }

  /** Acknowledges all that has arrived, and says how much more may come. */
  async take(credit: number): Promise<readonly ClaimedJob[]> {
    this.look();
    const jobs = [...this.#arrived.values()].flat();
    const ack = Math.max(0, ...this.#arrived.keys());
    await this.say(ack === 0 ? { type: "credit", credit } : { type: "credit", ack, credit });
    return jobs;
  }

  /** Jobs that have arrived and were not acknowledged. */
  get underway(): number {
    return [...this.#arrived.values()].flat().length;
  }

  /** Frames that were sent, of a type. */
  sent(type: string): readonly Sent[] {
    return this.socket.sent
      .map((text) => JSON.parse(text) as Sent)
      .filter((frame) => frame.type === type);
  }

  /** The ids of all jobs that it was ever sent. */
  get ids(): readonly string[] {
    return this.sent("jobs").flatMap(({ jobs = [] }) => jobs.map(({ id }) => id));
  }

  /** Looks at what has come. Throws where that is more than was allowed. */
  look(): void {
    for (const text of this.socket.sent.slice(this.#read)) {
      const { delivery, jobs = [] } = JSON.parse(text) as Sent;
      if (delivery === undefined) continue;
      this.#arrived.set(delivery, jobs);
      if (this.underway > this.#allowed) {
        throw new Error(`${this.underway} jobs are under way, and ${this.#allowed} were allowed`);
      }
    }
    this.#read = this.socket.sent.length;
  }

  async hangUp(): Promise<void> {
    await this.#q.hangUp(this.socket);
  }
}
