/**
 * The order of claims as the checker sees it: what was certainly ready is not passed over, and what is uncertain is no fault.
 */
import { describe, expect, it } from "vitest";
import { Tale } from "./planted.ts";

/** Three jobs; they are handed out one by one in the order of `ids`. */
function queueOf(ids: readonly string[], asks: readonly object[] = []): Tale {
  const tale = new Tale();
  for (const [i, as] of ["a", "b", "c"].entries()) {
    tale.enqueue(1000 + 10 * i, [{ mark: i + 1, as, ...asks[i] }]);
  }
  for (const [i, id] of ids.entries()) {
    const { createdAt, priority } = tale.job(id);
    tale.claim(1100 + 10 * i, `t${i}`, [{ id, createdAt, priority }]);
    tale.complete(1105 + 10 * i, id, `t${i}`);
    tale.job(id).deliveries = 1;
  }
  return tale;
}

describe("the order of claims", () => {
  it("is that of enqueueing", () => {
    expect(queueOf(["a", "b", "c"]).broken()).toEqual([]);
    expect(queueOf(["a", "c", "b"]).broken()).toEqual(["order"]);
  });

  it("puts a lower priority first", () => {
    const asks = [{}, { priority: 1 }, { priority: -1 }];
    expect(queueOf(["c", "a", "b"], asks).broken()).toEqual([]);
    expect(queueOf(["a", "c", "b"], asks).broken()).toEqual(["order"]);
  });

  it("lets a job that was not due yet be passed by", () => {
    expect(queueOf(["b", "c", "a"], [{ delayMs: 115 }]).broken()).toEqual([]);
    expect(queueOf(["b", "c", "a"], [{ delayMs: 5 }]).broken()).toEqual(["order"]);
  });

  it("lets a job that the claim could not have be passed by", () => {
    expect(queueOf(["b", "c", "a"], [{ requires: ["gpu"] }]).broken()).toEqual([]);
  });

  it("says nothing of a job that may have been handed out meanwhile", () => {
    const tale = queueOf(["b", "c", "a"]);
    for (const exchange of tale.history) {
      const { outcome } = exchange;
      const [job] = outcome.kind === "answered" ? (outcome.reply.jobs ?? []) : [];
      if (job?.id === "a") job.deliveries = 2;
    }
    tale.job("a").deliveries = 2;
    expect(tale.broken()).toEqual([]);
  });

  it("holds within one claim", () => {
    const inOneClaim = (ids: readonly string[]) => {
      const tale = queueOf([]);
      const jobs = ids.map((id) => ({ id, createdAt: tale.job(id).createdAt }));
      tale.claim(1100, "t1", jobs, 3);
      for (const id of ids) tale.complete(1110, id, "t1");
      for (const job of tale.jobs) job.deliveries = 1;
      return tale.broken();
    };
    expect(inOneClaim(["a", "b", "c"])).toEqual([]);
    expect(inOneClaim(["b", "a", "c"])).toEqual(["order"]);
  });

  it("lets no claim go empty, or get less than it asked for, past a job that is ready", () => {
    const tale = queueOf(["a", "b", "c"]);
    tale.claim(1050, "", [], 5);
    expect(tale.broken()).toEqual(["order"]);
  });

  it("keeps the place of a job that was released, and moves one that failed", () => {
    const withEnd = (op: "release" | "fail", next: string) => {
      const tale = queueOf([]);
      tale.claim(1100, "t0", [{ id: "a" }]);
      if (op === "release") tale.settle(1110, { op, id: "a", token: "t0" }, {});
      else tale.settle(1110, { op, id: "a", token: "t0", error: "e" }, { runAt: 1110 });
      const others = ["a", "b", "c"].filter((id) => id !== next);
      for (const [i, id] of [next, ...others].entries()) {
        const { createdAt } = tale.job(id);
        const attempt = op === "fail" && id === "a" ? 2 : 1;
        const deliveries = id === "a" ? 2 : 1;
        tale.claim(1200 + 10 * i, `t${i + 1}`, [{ id, createdAt, attempt, deliveries }]);
        tale.complete(1205 + 10 * i, id, `t${i + 1}`);
        tale.job(id).deliveries = deliveries;
      }
      if (op === "fail")
        Object.assign(tale.job("a"), { attempts: [{ outcome: "failed", error: "e" }] });
      return tale.broken();
    };
    expect(withEnd("release", "a")).toEqual([]);
    expect(withEnd("release", "b")).toEqual(["order"]);
    expect(withEnd("fail", "a")).toEqual(["order"]);
  });
});
