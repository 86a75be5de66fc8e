/** The order of refusals: of those that would apply at once, the one that stands first in the command table is given. */
import { expect, test } from "vitest";
import type { CommandInputs, CommandName } from "../../src/contract/commands.ts";
import { commands } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import { type RefusalCode, refusals } from "../../src/contract/refusals.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";

/** A state in which a command would be refused for each of the codes; the first is the one that is given. */
interface Case<N extends CommandName = CommandName> {
  readonly command: N;
  readonly codes: readonly [RefusalCode, ...RefusalCode[]];
  readonly input: CommandInputs[N];
  readonly set: (q: Harness) => Promise<unknown>;
  /** The key that was used for another body. */
  readonly isKeyUsed?: true;
}
const refuses = <N extends CommandName>(
  command: N,
  codes: Case["codes"],
  input: CommandInputs[N],
  set: Case["set"],
  isKeyUsed?: true,
): Case => ({ command, codes, input, set, ...(isKeyUsed && { isKeyUsed }) }) as unknown as Case;

const nothing = () => Promise.resolve();
const aQueue = (q: Harness) => q.run("queue.configure", {});
const aRunning = async (q: Harness) => {
  await q.enqueue({ id: "a", fingerprint: "one" });
  await q.claimOne();
};
const aCompleted = async (q: Harness) => {
  await aRunning(q);
  await q.settle({ op: "complete", id: "a", token: latest });
};
const aFull = async (q: Harness) => {
  await aRunning(q);
  await q.run("queue.configure", { maxJobs: 1 });
};
const lanes = async (q: Harness) => {
  const jobs = Array.from({ length: limits.lanesMax }, (_, i) => ({
    payload: "1",
    requires: [`r${i}`],
  }));
  await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) });
  await q.run("job.enqueue", { jobs: jobs.slice(1000) });
};
const latest = "q0000000-001-000000001";
const a = { id: "a" };
const other = { id: "a", payload: "2", fingerprint: "two", requires: ["new"] };
const settle = (op: "complete" | "extend", token = "stale") => ({ items: [{ op, ...a, token }] });
const extendOnly = { items: [{ op: "extend" as const, ...a, token: latest }] };

const key = "idempotency_key_reused" as const;
const cases: readonly Case[] = [
  refuses("job.enqueue", [key, "job_exists", "queue_full"], { jobs: [other] }, aFull, true),
  refuses("job.enqueue", ["job_exists", "queue_full"], { jobs: [other] }, aFull),
  refuses(
    "job.enqueue",
    ["queue_full", "requires_limit"],
    { jobs: [{ ...other, id: "b" }] },
    async (q) => {
      await lanes(q);
      await q.run("queue.configure", { maxJobs: 1 });
    },
  ),
  refuses("job.enqueue", ["requires_limit"], { jobs: [{ ...other, id: "b" }] }, lanes),
  refuses("job.get", ["queue_unknown", "job_unknown"], a, nothing),
  refuses("job.get", ["job_unknown"], a, aQueue),
  refuses("job.list", ["queue_unknown", "cursor_invalid"], { cursor: "x" }, nothing),
  refuses("job.list", ["cursor_invalid"], { cursor: "x" }, aQueue),
  refuses("lease.claim", [key, "answer_gone"], {}, aQueue, true),
  refuses("lease.settle", [key, "job_unknown"], settle("complete"), aQueue, true),
  refuses("lease.settle", ["queue_unknown", "job_unknown"], settle("complete"), nothing),
  refuses("lease.settle", ["job_unknown", "lease_stale"], settle("complete"), aQueue),
  refuses(
    "lease.settle",
    ["job_cancelled", "already_settled", "lease_stale"],
    settle("complete"),
    async (q) => {
      await aRunning(q);
      await q.run("job.cancel", a);
    },
  ),
  refuses("lease.settle", ["already_settled", "lease_stale"], settle("extend"), aCompleted),
  refuses("lease.settle", ["lease_stale", "max_run_reached"], settle("extend"), async (q) => {
    await q.enqueue({ ...a, maxRunMs: 1000 });
    await q.claimOne();
  }),
  refuses("lease.settle", ["max_run_reached"], extendOnly, async (q) => {
    await q.enqueue({ ...a, maxRunMs: 1000 });
    await q.claimOne();
  }),
  refuses("queue.configure", [key], { maxJobs: 2 }, aQueue, true),
  refuses("queue.pause", [key], {}, aQueue, true),
  refuses("queue.resume", [key], {}, aQueue, true),
  refuses("queue.purge", [key], {}, aQueue, true),
  refuses("job.redrive", [key], {}, aQueue, true),
  refuses("queue.delete", ["queue_not_empty"], {}, aRunning),
  refuses("operation.get", ["queue_unknown", "operation_unknown"], a, nothing),
  refuses("operation.get", ["operation_unknown"], a, aQueue),
  refuses("job.retry", ["job_state", "requires_limit"], a, async (q) => {
    await q.enqueue({ ...a, requires: ["own"], expiresAt: START + 1 });
    await q.run("job.cancel", a);
    await q.advance(1);
    await lanes(q);
  }),
  refuses("job.retry", ["requires_limit"], a, async (q) => {
    await q.enqueue({ ...a, requires: ["own"] });
    await q.run("job.cancel", a);
    await lanes(q);
  }),
  ...(["job.update", "job.cancel", "job.retry", "job.remove"] as const).flatMap((command) => {
    const input = { ...a, priority: 5 };
    const wrong = command === "job.update" || command === "job.cancel" ? aCompleted : aRunning;
    return [
      refuses(command, [key, "job_unknown"], input, aQueue, true),
      refuses(command, ["queue_unknown", "job_unknown"], input, nothing),
      refuses(command, ["job_unknown"], input, aQueue),
      refuses(command, ["job_state"], input, wrong),
    ];
  }),
];

/** The code of the refusal, or of the one item that was refused. */
async function given(q: Harness, { command, input, isKeyUsed }: Case): Promise<string> {
  const used = { key: "k", bodyHash: "first" };
  // Whatever the first use of the key did, this is another body.
  if (isKeyUsed) await q.run("queue.pause", { reason: "key" }, used);
  const answer = await q.answer(command, input, isKeyUsed && { key: "k", bodyHash: "second" });
  if ("refusal" in answer) return answer.refusal.refusalCode;
  const reply = JSON.parse(answer.reply) as Record<string, { problem?: { code: string } }[]>;
  return (reply["results"] ?? reply["items"])?.[0]?.problem?.code ?? "none";
}

test.each(cases.map((each) => [each.command, each.codes.join(" before "), each] as const))(
  "%s refuses with %s",
  async (_, __, each) => {
    const q = await openEngine();
    await each.set(q);
    expect(await given(q, each)).toBe(each.codes[0]);
  },
);

test("the command table lists every refusal that is tried, in this order", () => {
  for (const { command, codes } of cases) {
    const listed: readonly RefusalCode[] = commands[command].refusals;
    expect([command, listed.filter((code) => codes.includes(code))]).toEqual([command, codes]);
  }
});

test("every refusal of every command is one of the table of refusals, and tried in a case above", () => {
  const tried = new Set(
    cases.flatMap(({ command, codes }) => codes.map((code) => `${command} ${code}`)),
  );
  tried.add("snapshot.import queue_not_empty");
  const elsewhere = new Set([
    // Behind another key than the one that was reused; see the tests of idempotency and of queues.
    "answer_gone",
    "queue_unknown",
    // Of files rather than of the state; see the tests of snapshots.
    "cursor_invalid",
    "import_unknown",
    "snapshot_invalid",
    "snapshot_newer",
    "snapshot_no_room",
    "snapshot_unknown",
  ]);
  for (const [command, { refusals: listed }] of Object.entries(commands)) {
    for (const code of listed) {
      expect(refusals).toHaveProperty(code);
      expect(tried.has(`${command} ${code}`) || elsewhere.has(code), `${command} ${code}`).toBe(
        true,
      );
    }
  }
});
