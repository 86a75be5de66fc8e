/**
 * The checker: a clean history passes, whatever of it nobody was told, and every planted fault is found by its rule.
 */
import { describe, expect, it } from "vitest";
import { handed, lost, wholeLife } from "./planted.ts";

type Life = ReturnType<typeof wholeLife>;

/** A fault, the rule that finds it, and how it is planted. */
type Plant = readonly [fault: string, rule: string, plant: (life: Life) => void];

const jobFaults: readonly Plant[] = [
  ["an acknowledged job that is lost", "enqueue", ({ tale }) => tale.jobs.shift()],
  [
    "a job that is there twice",
    "once",
    ({ tale }) => tale.jobs.push({ ...tale.job("a"), id: "a2" }),
  ],
  ["a job that the list gives twice", "once", ({ tale }) => tale.jobs.push(tale.job("a"))],
  [
    "a job that nobody asked for",
    "known",
    ({ tale }) => tale.jobs.push({ ...tale.job("a"), id: "z", payload: { mark: 9 } }),
  ],
  [
    "content that was taken under two keys",
    "once",
    ({ tale }) =>
      tale.say(1005, { kind: "enqueue", jobs: [{ mark: 1 }] }, { results: [{ id: "a" }] }),
  ],
  [
    "half of an enqueue whose outcome is unknown",
    "whole",
    ({ tale, enqueue }) => {
      lost(enqueue);
      tale.jobs.shift();
    },
  ],
  [
    "jobs of an enqueue that was refused",
    "refused",
    ({ enqueue }) => {
      enqueue.outcome = { kind: "refused", status: 503, code: "append_failed" };
    },
  ],
  [
    "a key that was answered with another job",
    "one answer",
    ({ tale, enqueue }) => {
      const again = structuredClone(enqueue);
      if (again.outcome.kind === "answered") again.outcome.reply.results = [{ id: "c" }];
      tale.history.push(again);
    },
  ],
  [
    "a refusal that says that Sluice failed",
    "fault",
    ({ extend }) => {
      extend.outcome = { kind: "refused", status: 500, code: "internal" };
    },
  ],
  [
    "an answer at another time than the job was made",
    "enqueue",
    ({ tale }) => {
      tale.job("a").createdAt = 999;
    },
  ],
  [
    "a job that has not ended",
    "ended",
    ({ tale }) => {
      tale.job("a").state = "running";
    },
  ],
  [
    "a completed job that failed after all",
    "kept end",
    ({ tale }) => {
      tale.job("a").state = "failed";
    },
  ],
  [
    "the result of a completion that was not acknowledged",
    "result",
    ({ tale }) => {
      tale.job("a").result = { by: "another" };
    },
  ],
  [
    "a job completed by two tokens",
    "one end",
    ({ tale }) => tale.complete(4050, "b", "t3", "by-b"),
  ],
  [
    "an acknowledged failure that is not in the job's history",
    "failure",
    ({ tale }) => {
      tale.job("b").attempts = [];
    },
  ],
  [
    "a failure that was refused, and counts",
    "failure",
    ({ fail }) => {
      const problem = { code: "lease_stale" };
      if (fail.outcome.kind === "answered")
        fail.outcome.reply.items = [{ id: "b", ok: false, problem }];
    },
  ],
  [
    "more attempts than a job may have",
    "attempts",
    ({ tale }) => {
      tale.job("b").maxAttempts = 1;
    },
  ],
  [
    "a hand-out that is no longer counted",
    "deliveries",
    ({ tale }) => {
      tale.job("b").deliveries = 3;
    },
  ],
  [
    "counters that have drifted",
    "counters",
    ({ tale }) => {
      tale.drift = 1;
    },
  ],
];

const leaseFaults: readonly Plant[] = [
  [
    "a lease given while another one lasts",
    "one lease",
    ({ tale }) => tale.claim(2000, "t2b", [{ id: "b", attempt: 3, deliveries: 3 }]),
  ],
  [
    "a lease given before the end to which one was extended",
    "one lease",
    ({ third }) => {
      if (third.outcome.kind === "answered") third.outcome.reply.now = 3990;
    },
  ],
  [
    "a token that is given to two claims",
    "tokens",
    ({ fourth }) => {
      handed(fourth).token = "t3";
    },
  ],
  [
    "a token that is not greater than an earlier one",
    "tokens",
    ({ third, release }) => {
      handed(third).token = "t0";
      const [item] = release.ask.kind === "settle" ? release.ask.items : [];
      if (item !== undefined) item.token = "t0";
    },
  ],
  [
    "a hand-out that is counted twice",
    "counts",
    ({ third }) => {
      handed(third).deliveries = 2;
    },
  ],
  [
    "a release that counts as an attempt",
    "attempts",
    ({ second }) => {
      handed(second).attempt = 1;
    },
  ],
  [
    "an attempt past the last one",
    "attempts",
    ({ fourth }) => {
      handed(fourth).attempt = 4;
    },
  ],
  [
    "a holder that is refused",
    "holder",
    ({ completeA }) => {
      const problem = { code: "lease_stale" };
      if (completeA.outcome.kind === "answered")
        completeA.outcome.reply.items = [{ id: "a", ok: false, problem }];
    },
  ],
  [
    "a held job that is not known",
    "kept",
    ({ release }) => {
      const problem = { code: "job_unknown" };
      if (release.outcome.kind === "answered")
        release.outcome.reply.items = [{ id: "b", ok: false, problem }];
    },
  ],
  [
    "an old token that still counts",
    "stale",
    ({ tale }) =>
      tale.settle(
        4015,
        { op: "extend", id: "b", token: "t2", leaseMs: 1000 },
        { state: "running", leaseUntil: 6000 },
      ),
  ],
  [
    "an extension after the end of the lease",
    "over",
    ({ extend }) => {
      if (extend.outcome.kind === "answered") extend.outcome.reply.now = 3005;
    },
  ],
  [
    "a completion in time that is called late",
    "late",
    ({ completeA }) => {
      const { outcome } = completeA;
      const [item] = outcome.kind === "answered" ? (outcome.reply.items ?? []) : [];
      if (item?.ok) item.late = true;
    },
  ],
];

describe("a clean history", () => {
  it("passes", () => {
    expect(wholeLife().tale.broken()).toEqual([]);
  });

  it.each(["enqueue", "fail", "extend", "release", "completeA", "completeB"] as const)(
    "passes when the outcome of %s is unknown",
    (which) => {
      const life = wholeLife();
      lost(life[which]);
      expect(life.tale.broken()).toEqual([]);
    },
  );

  it("passes when a whole claim was never answered", () => {
    const { tale, third, release, fourth, completeB } = wholeLife();
    lost(third);
    tale.history.splice(tale.history.indexOf(release), 1);
    // Its lease ended by itself, which the hand-out behind it tells.
    for (const each of [fourth, completeB]) {
      each.sentAt += 2000;
      each.endedAt += 2000;
      if (each.outcome.kind === "answered") each.outcome.reply.now += 2000;
    }
    handed(fourth).leaseUntil = 8000;
    expect(tale.broken()).toEqual([]);
  });

  it("passes when a request is tried until it is answered, and once more", () => {
    const { tale, enqueue, completeA } = wholeLife();
    const tries = [enqueue, completeA].map((each) => structuredClone(each));
    for (const each of [enqueue, completeA]) lost(each);
    for (const each of [...tries, ...tries]) {
      tale.history.push({ ...each, sentAt: 5000, endedAt: 5001 });
    }
    expect(tale.broken()).toEqual([]);
  });

  it("passes when a settlement is said again and answered as a repeat, or as stale", () => {
    const { tale } = wholeLife();
    const by = { by: "another" };
    tale.settle(
      1025,
      { op: "complete", id: "a", token: "t1", result: by },
      { state: "completed", repeated: true },
    );
    const problem = { code: "lease_stale" };
    tale.settle(
      4015,
      { op: "extend", id: "b", token: "t2", leaseMs: 1000 },
      { ok: false, problem },
    );
    expect(tale.broken()).toEqual([]);
  });
});

describe("a planted fault is found:", () => {
  it.each([...jobFaults, ...leaseFaults])("%s (%s)", (_, rule, plant) => {
    const life = wholeLife();
    plant(life);
    expect(life.tale.broken()).toContain(rule);
  });
});
