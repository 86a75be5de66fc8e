/**
 * The workers' channels of a queue: what comes over them, and what their sessions are told.
 * Invariant: a session has one channel; a frame that cannot be read closes its channel, and gives nothing back twice.
 */
import { hash } from "node:crypto";
import {
  encodeFrame,
  type HelloFrame,
  type LostLease,
  readFrame,
  type SettleFrame,
  settledFrame,
} from "../contract/channel.ts";
import { isRejected } from "../contract/checked.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { leaseToken } from "../contract/ids.ts";
import type { ClaimInput, HeldLease } from "../contract/leases.ts";
import { problemOf, type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { Channel } from "./channel.ts";
import { type Given, giveBack } from "./give-back.ts";
import type { Group } from "./group.ts";
import { type Line, type Telling, telling } from "./line.ts";
import type { SignsOfLife } from "./signs-of-life.ts";
import type { Kept, WaitSocket } from "./waiters.ts";

export interface ChannelsPorts {
  submit(request: CommandRequest): Promise<CommandAnswer>;
  /** The leases that a session holds. */
  heldBy(session: string): readonly HeldLease[];
  /** The same, and those that are over where no entry has shown that yet. */
  untold(session: string): readonly HeldLease[];
  readonly signs: SignsOfLife;
  /** The time as of which they are judged. */
  at(): number;
  now(): number;
  /** Tells once all that was written so far is durable. */
  tell(told: readonly Telling[]): Promise<void>;
  /** Somebody may be served now. */
  serve(): void;
  report(error: unknown, what: string): void;
}

/** Whose channel it is, as it is written down: the secret itself is nowhere kept. */
export const sessionOf = (secret: string): string =>
  hash("sha256", secret, "base64url").slice(0, 22);

export class Channels {
  readonly #ports: ChannelsPorts;
  readonly #line: Line;
  readonly #channels = new Map<WaitSocket, Channel>();
  readonly #bySession = new Map<string, Channel>();
  /** Leases on their way back: nobody holds them any more. */
  readonly #returning = new Set<string>();

  constructor(ports: ChannelsPorts, line: Line) {
    this.#ports = ports;
    this.#line = line;
  }

  /** Knows a socket again that outlived the instance before. */
  restore(socket: WaitSocket, { channel: kept, order }: Kept): void {
    if (kept === undefined || kept.isOver) return;
    const ports = {
      now: () => this.#ports.now(),
      ended: (over: Channel) => this.#forget(over),
      giveBack: (given: readonly Given[]) => this.#giveBack(given),
      parting: (worker: string) => this.#ports.signs.parting(worker),
      heldBy: (session: string) => this.#ports.heldBy(session),
    };
    const channel = new Channel(ports, this.#line, socket, kept, order);
    this.#channels.set(socket, channel);
    if (channel.session !== undefined) this.#bySession.set(channel.session, channel);
  }

  /** Whether a worker holds a channel, and is there. */
  isThere(worker: string): boolean {
    for (const channel of this.#channels.values()) {
      if (channel.worker === worker && channel.isThere()) return true;
    }
    return false;
  }

  /** Whether a socket is that of a channel which is open. */
  knows(socket: WaitSocket): boolean {
    return this.#channels.has(socket);
  }

  /** What is asked for over channels. */
  *claims(): Generator<ClaimInput> {
    for (const { session, request } of this.#channels.values()) {
      if (session !== undefined) yield request.input;
    }
  }

  /** Hears what comes over a channel. `closed` is why the queue can do nothing. */
  async hear(
    socket: WaitSocket,
    message: string | ArrayBuffer,
    closed: Refusal | undefined,
  ): Promise<void> {
    if (!this.#channels.has(socket)) this.restore(socket, socket.kept() ?? { order: 0 });
    const channel = this.#channels.get(socket);
    if (channel === undefined || channel.isOver) return;
    if (closed !== undefined) return channel.close(closed);
    channel.heard();
    const frame = readFrame(message);
    if (isRejected(frame)) return channel.close(frame.refusal);
    const { value } = frame;
    if ((value.type === "hello") !== (channel.session === undefined)) {
      return channel.close(value.type === "hello" ? twice : tooEarly);
    }
    if (value.type === "hello") return await this.#begin(channel, value);
    const refusal = channel.note(value.ack, value.credit);
    if (refusal !== undefined) return channel.close(refusal);
    this.#ports.signs.heard(channel.worker);
    if (value.type === "settle") await this.#settle(channel, value, String(message));
    else this.#ports.serve();
  }

  /** The queue can do nothing: all are closed with why. */
  refuse(closed: Refusal): void {
    for (const channel of [...this.#channels.values()]) channel.close(closed);
  }

  /** Its socket has closed. */
  leave(socket: WaitSocket): void {
    if (!this.#channels.has(socket)) this.restore(socket, socket.kept() ?? { order: 0 });
    this.#channels.get(socket)?.leave();
  }

  /** What sessions are to be told of leases that have ended without them. */
  lost({ told, view }: Pick<Group, "told" | "view">): Telling[] {
    const byChannel = new Map<Channel, LostLease[]>();
    for (const { session, id, grant, why } of told.lost) {
      const channel = this.#bySession.get(session);
      if (channel === undefined) continue;
      const token = leaseToken(view.identity, grant);
      const items = byChannel.get(channel) ?? [];
      items.push({ id, token, ok: false, problem: problemOf(why) });
      byChannel.set(channel, items);
    }
    return [...byChannel].map(cancelling);
  }

  /** What sessions are to be told if all leases end that there are now, for one reason. */
  lostAll(why: Refusal): Telling[] {
    const problem = problemOf(why);
    const all = [...this.#bySession].map(([session, channel]): [Channel, LostLease[]] => {
      const held = this.#ports.untold(session);
      return [channel, held.map(({ id, token }) => ({ id, token, ok: false, problem }))];
    });
    return all.filter(([, items]) => items.length > 0).map(cancelling);
  }

  async #begin(channel: Channel, hello: HelloFrame): Promise<void> {
    const session = sessionOf(hello.session);
    this.#ports.signs.coming(hello.worker);
    const before = this.#bySession.get(session);
    if (before !== undefined) {
      // Who resumes is told of all that it holds, also of what it may not have got.
      if (hello.resume) before.yieldAll();
      before.close(superseded);
    }
    const refusal = channel.begin(hello, session);
    if (refusal !== undefined) return channel.close(refusal);
    this.#bySession.set(session, channel);
    const held = hello.resume ? this.#ports.heldBy(session) : [];
    const resumed = held.filter(({ id, token }) => !this.#returning.has(`${token} ${id}`));
    const welcome = encodeFrame({ type: "welcome", now: this.#ports.at(), resumed });
    const told = this.#ports.tell([telling(() => channel.send(welcome))]);
    this.#ports.signs.heard(channel.worker);
    try {
      this.#ports.serve();
    } finally {
      // Whatever comes of serving, somebody hears what comes of telling.
      await told;
    }
  }

  /** Settles, and in the same entry hands out what the frame's credit allows. */
  async #settle(channel: Channel, { frame, settle }: SettleFrame, message: string): Promise<void> {
    if (isRejected(settle)) {
      this.#ports.serve();
      return channel.send(
        encodeFrame({ type: "settled", frame, problem: problemOf(settle.refusal) }),
      );
    }
    const bytes = utf8Bytes(message);
    const request = { v: 1, name: "lease.settle", input: settle.value, bytes } as const;
    const submitted = this.#ports.submit(request);
    let answer: CommandAnswer;
    try {
      // Where it changes nothing, no entry arms the alarm for what the frame's credit waits for.
      if (this.#line.hasWaiters) this.#ports.serve();
    } finally {
      // Whatever comes of serving, somebody hears what comes of settling.
      answer = await submitted;
    }
    channel.send(
      "reply" in answer
        ? settledFrame(frame, answer.reply)
        : encodeFrame({ type: "settled", frame, problem: problemOf(answer.refusal) }),
    );
  }

  #forget(channel: Channel): void {
    const { session = "" } = channel;
    this.#channels.delete(channel.socket);
    if (this.#bySession.get(session) === channel) this.#bySession.delete(session);
  }

  #giveBack(given: readonly Given[]): void {
    const names = given.flatMap(({ token, ids }) => ids.map((id) => `${token} ${id}`));
    for (const name of names) this.#returning.add(name);
    void giveBack(this.#ports, given).then(() => {
      for (const name of names) this.#returning.delete(name);
    });
  }
}

/** A worker learns that it holds these no more. */
const cancelling = ([channel, items]: readonly [Channel, readonly LostLease[]]): Telling =>
  telling(() => channel.send(encodeFrame({ type: "cancel", items })));

const twice: Refusal = refuse("frame_unexpected", "There was a hello on this channel before.");
const tooEarly: Refusal = refuse("frame_unexpected", "The first frame of a channel is its hello.");
const superseded: Refusal = refuse(
  "channel_superseded",
  "Another channel has said hello with this session: it goes on there.",
);
