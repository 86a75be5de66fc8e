/**
 * What clients have not taken: who waits, for how much, and who is ended.
 * Invariant: nobody waits for others, or is ended for what they do.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { AllUntaken } from "../../src/redis/all-untaken.ts";
import { Untaken } from "../../src/redis/untaken.ts";
import { randomOf } from "./bytes.ts";

const MiB = 1024 * 1024;
const { respUntakenBytesMax: most, respUnsaidBytesMax: unsaid, respWindowBytes: window } = limits;

class Clients {
  readonly all = new AllUntaken();
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
}

describe("a client alone", () => {
  test("is waited for behind the whole window", () => {
    const client = new Clients().with(window);
    expect(client.room()).toBeUndefined();
    client.sent(1);
    expect(client.room()).toBeInstanceOf(Promise);
    client.taken(1);
    expect(client.isStalled).toBe(false);
  });

  test.each([true, false])(
    "is ended one byte beyond what is held for one (it says: %j)",
    (says) => {
      const clients = new Clients();
      const client = clients.with(most, says);
      expect(clients.ended).toEqual([]);
      client.sent(1);
      client.sent(1);
      expect(clients.ended).toEqual([client]);
    },
  );

  test("and silent is believed with its next word that it took all, and never waited for", () => {
    const clients = new Clients();
    const client = clients.with(most, false);
    expect([client.room(), client.promise()]).toEqual([undefined, undefined]);
    client.heard();
    client.sent(most);
    expect(clients.ended).toEqual([]);
  });

  test("has as much answered by a run as its window has left", () => {
    const client = new Clients().open();
    expect(client.promise()).toBe(window);
    client.sent(3 * MiB);
    expect(client.promise()).toBe(window - 3 * MiB);
    client.sent(5 * MiB);
    expect(client.promise()).toBe(unsaid);
  });
});

describe("of what all leave between them", () => {
  test("runs that are under way at once have a share each, and at least a little", () => {
    const clients = new Clients();
    const all = Array.from({ length: 60 }, () => clients.open());
    const shares = all.map((each) => each.promise() ?? 0);
    expect(shares.slice(0, 5)).toEqual([8, 8, 8, 4, 2].map((each) => each * MiB));
    expect(shares.at(-1)).toBe(unsaid);
    expect(shares.reduce((a, b) => a + b)).toBeLessThan(most + 60 * unsaid);
    for (const each of all) each.settle();
    expect(clients.open().promise()).toBe(window);
  });

  test("the window of each narrows with it, down to what a client may have taken and not said", () => {
    const clients = new Clients();
    const client = clients.with(2 * MiB);
    const hogs = Array.from({ length: 4 }, () => clients.with(7 * MiB));
    expect(client.room()).toBeUndefined();
    for (const hog of hogs) hog.sent(2 * MiB);
    expect(client.room()).toBeInstanceOf(Promise);
    client.taken(2 * MiB - unsaid - 1);
    expect(client.isStalled).toBe(true);
    client.taken(1);
    expect(client.isStalled).toBe(false);
  });

  test("what they may have taken and not said does not count, nor what those do not take who never say it", () => {
    const clients = new Clients();
    for (let i = 0; i < 2000; i++) clients.with(unsaid);
    for (let i = 0; i < 40; i++) clients.with(most, false);
    expect(clients.all.left).toBe(most);
  });

  test("what was sent to one that was ended counts until its socket is gone", () => {
    const clients = new Clients();
    const client = clients.with(unsaid + MiB);
    client.end();
    expect(clients.all.left).toBe(most - MiB);
    client.gone();
    client.sent(MiB);
    client.taken(MiB);
    expect(clients.all.left).toBe(most);
  });

  test("it is bounded whatever they do, who takes what it is sent goes on, and nothing is left of it once all are gone", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomOf(seed);
      const upTo = (bound: number): number => Math.floor(random() * bound);
      const clients = new Clients();
      const [honest, reply] = [clients.open(), MiB];
      const others = Array.from({ length: 40 }, () => clients.open());
      let sent = 0;
      for (let step = 0; step < 400; step++) {
        const other = others[upTo(others.length)] as Untaken;
        if (other.room() === undefined) {
          other.sent(upTo(other.promise() ?? 0) + upTo(reply));
          other.settle();
        } else if (random() < 0.3) other.taken(upTo(MiB));
        expect(most - clients.all.left, `seed ${seed}`).toBeLessThanOrEqual(most + 41 * reply);
        if (honest.room() === undefined) {
          const bytes = upTo(honest.promise() ?? 0) + upTo(reply);
          honest.sent(bytes);
          sent += bytes;
        }
        // All but the last of it is said.
        const said = Math.max(0, sent - upTo(unsaid));
        honest.taken(said);
        sent -= said;
        expect(honest.room(), `seed ${seed}`).toBeUndefined();
      }
      expect(clients.ended).toEqual([]);
      for (const each of [honest, ...others]) each.gone();
      expect([clients.all.left, clients.open().promise()]).toEqual([most, window]);
    }
  });
});
