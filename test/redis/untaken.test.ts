/**
 * What clients have not taken between them: who waits for whom, for how long, and who is ended.
 * Invariant: time passes only where a test says so, and what is to happen later happens then.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { AllUntaken } from "../../src/redis/all-untaken.ts";
import { Untaken } from "../../src/redis/untaken.ts";
import { randomOf } from "./bytes.ts";

const MiB = 1024 * 1024;
const {
  respUntakenBytesMax: most,
  respUnsaidBytesMax: unsaid,
  respWindowBytes: window,
  respRoomMsMax: patience,
  redisReplyBytesMax: longest,
} = limits;

class Clients {
  now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();
  readonly all = new AllUntaken({
    now: () => this.now,
    after: (ms, work) => {
      const timer = { at: this.now + ms, work };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  });
  readonly ended: Untaken[] = [];

  open(saysTaken = true): Untaken {
    const client: Untaken = new Untaken(this.all, saysTaken, {
      stall: () => undefined,
      drop: () => this.ended.push(client),
    });
    return client;
  }

  /** One that has not taken so much. */
  with(bytes: number, saysTaken = true): Untaken {
    const client = this.open(saysTaken);
    client.sent(bytes);
    return client;
  }

  passes(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at <= this.now && this.#timers.delete(timer)) timer.work();
    }
  }

  get timers(): number {
    return this.#timers.size;
  }
}

describe("a client alone", () => {
  test("is waited for behind the whole window", () => {
    const clients = new Clients();
    const client = clients.with(window);
    expect(client.room()).toBeUndefined();
    client.sent(1);
    expect(client.room()).toBeInstanceOf(Promise);
    // There is nobody else whom it would wait for.
    expect(clients.timers).toBe(0);
    client.taken(1);
    expect(client.isStalled).toBe(false);
  });

  test.each([true, false])("is ended one byte beyond what all may leave (it says: %j)", (says) => {
    const clients = new Clients();
    const client = clients.with(most, says);
    expect(clients.ended).toEqual([]);
    client.sent(1);
    expect(clients.ended).toEqual([client]);
  });

  test("and silent is believed with its next word that it took all", () => {
    const clients = new Clients();
    const client = clients.with(most, false);
    client.heard();
    client.sent(most);
    expect(clients.ended).toEqual([]);
  });

  test("may be answered by a run what its window has left, and less the more others leave", () => {
    const clients = new Clients();
    const client = clients.open();
    expect(client.promise()).toEqual({ enough: window, most: longest });
    client.sent(3 * MiB);
    expect(client.promise().enough).toBe(window - 3 * MiB);
    clients.with(20 * MiB, false);
    expect(client.promise().enough).toBe(((32 - 23 - 3) / 2) * MiB);
    clients.with(9 * MiB, false);
    expect(client.promise()).toEqual({ enough: unsaid, most: longest });
  });
});

describe("what all leave between them", () => {
  test("is shared by runs that are under way at once, each of which may answer a little", () => {
    const clients = new Clients();
    const shares = Array.from({ length: 60 }, () => clients.open().promise().enough);
    expect(shares.slice(0, 5)).toEqual([8, 8, 8, 4, 2].map((each) => each * MiB));
    expect(shares.at(-1)).toBe(unsaid);
    expect(shares.reduce((a, b) => a + b)).toBeLessThan(most + 60 * unsaid);
  });

  test("has room for a call up to the bound, and at the bound it waits", () => {
    const clients = new Clients();
    const hog = clients.with(most - 1, false);
    const [one, other] = [clients.open(), clients.open(false)];
    expect([one.room(), other.room()]).toEqual([undefined, undefined]);
    hog.sent(1);
    expect(one.room()).toBeInstanceOf(Promise);
    expect(other.room()).toBeInstanceOf(Promise);
    hog.heard();
    expect([one.isStalled, other.isStalled]).toEqual([false, false]);
  });

  test("narrows the window of each, down to what a client may have taken and not said", () => {
    const clients = new Clients();
    const client = clients.with(2 * MiB);
    const hog = clients.with(most - 4 * MiB, false);
    expect(client.room()).toBeUndefined();
    hog.sent(1);
    expect(client.room()).toBeInstanceOf(Promise);
    client.taken(2 * MiB - unsaid);
    expect(client.isStalled).toBe(false);
  });

  test("is waited for so long, and then those are ended that took nothing", async () => {
    const clients = new Clients();
    const idle = clients.with(most / 2);
    const slow = clients.with(most / 2);
    const small = clients.with(unsaid);
    const client = clients.open();
    const room = client.room();
    clients.passes(patience - 1);
    slow.taken(1);
    slow.sent(1);
    expect(client.isStalled).toBe(true);
    clients.passes(1);
    await room;
    expect([clients.ended, small.isStalled]).toEqual([[idle], false]);
    // What was sent to it is there still.
    expect(clients.all.left).toBe(-unsaid);
    idle.gone();
    expect(clients.all.left).toBe(most / 2 - unsaid);
  });

  test("is not waited for where only those have it that were ended, but no reply is longer than fits", () => {
    const clients = new Clients();
    const gone = [clients.with(most), clients.with(longest - MiB)];
    for (const each of gone) each.drop();
    const [client] = [clients.open(), clients.open()];
    expect(client.room()).toBeUndefined();
    expect(client.promise()).toEqual({ enough: unsaid, most: MiB });
    client.sent(MiB);
    clients.open().promise();
    expect(clients.open().promise().most).toBe(unsaid);
    for (const each of gone) each.gone();
    expect(clients.open().promise().most).toBe(longest);
  });

  test("is given to those that wait one after the other, in the order in which they came", () => {
    const clients = new Clients();
    const hog = clients.with(most, false);
    const waiting = Array.from({ length: 40 }, () => clients.open());
    for (const each of waiting) void each.room();
    hog.heard();
    const first = waiting.filter(({ isStalled }) => !isStalled);
    expect(first).toEqual(waiting.slice(0, most / limits.redisValueBytesMax));
    for (const each of first) each.settle();
    expect(waiting.filter(({ isStalled }) => isStalled)).toEqual([]);
  });

  test("is bounded whatever clients do, and who takes what it is sent goes on soon and is never ended", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomOf(seed);
      const upTo = (bound: number): number => Math.floor(random() * bound);
      const clients = new Clients();
      const honest = Array.from({ length: 10 }, () => clients.open());
      const others = Array.from({ length: 20 }, () => clients.open(random() < 0.5));
      const everybody = [...honest, ...others];
      const reply = 2 * MiB;
      const take = (): void => {
        // All but the last of it is said.
        for (const each of honest) each.taken(Math.max(0, each.bytes - upTo(unsaid)));
      };
      for (let step = 0; step < 400; step++) {
        const client = everybody[upTo(everybody.length)] as Untaken;
        if (clients.ended.includes(client)) {
          if (random() < 0.3) client.gone();
        } else if (client.room() === undefined) {
          const share = client.promise();
          client.sent(Math.min(share.most, upTo(share.enough) + upTo(reply)));
          client.settle();
        }
        if (random() < 0.5) take();
        if (random() < 0.2) {
          take();
          clients.passes(upTo(patience));
        }
        // Whoever has waited long goes on, also where there is no room, but is answered no more than fits.
        const beyond = -clients.all.left - longest;
        expect(beyond, `seed ${seed}`).toBeLessThanOrEqual(everybody.length * unsaid);
      }
      take();
      clients.passes(patience);
      expect(honest.filter((each) => each.isStalled || clients.ended.includes(each))).toEqual([]);
    }
  });
});
