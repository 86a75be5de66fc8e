/**
 * Commands about a schedule that is far behind: its slots come first, and nobody else waits for that.
 * Invariant: no entry passes more slots than a sweep may, whoever asks for it.
 */
import { afterEach, expect, test, vi } from "vitest";
import type { CommandInputs } from "../../src/contract/commands.ts";
import { limits } from "../../src/contract/limits.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { Group } from "../../src/object/group.ts";
import { weightOf } from "../../src/store/figures.ts";
import { writers } from "../../src/store/schema.ts";
import { Store } from "../../src/store/store.ts";
import { planOf } from "../machine/plan-rig.ts";
import { codeOf, command, enqueue, idsOf, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

const SECOND = 1000;
const SLOTS = limits.catchUpSlotsMax;
const definition: CommandInputs["schedule.put"]["definition"] = {
  timing: { everyMs: SECOND },
  catchUp: "all",
  overlap: "allow",
  job: { payload: "null" },
};

/** A queue whose schedule `s` has missed as many slots as are caught up. */
async function rigBehind(): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  await rig.engine.submit(command("schedule.put", { id: "s", definition }));
  rig.now += SLOTS * SECOND;
  return rig;
}

/** How many events each group appended, from now on. */
function sizesOfGroups(): number[] {
  const sizes: number[] = [];
  const { append } = Group.prototype;
  vi.spyOn(Group.prototype, "append").mockImplementation(function (this: Group, incarnation) {
    sizes.push(this.told.types.length);
    return append.call(this, incarnation);
  });
  return sizes;
}

const get = async (rig: EngineRig) =>
  replyOf("schedule.get", await rig.engine.read(command("schedule.get", { id: "s" }))).schedule;

const commands: Readonly<Record<string, CommandRequest>> = {
  edit: command("schedule.put", { id: "s", definition: { ...definition, catchUp: "one" } }),
  pause: command("schedule.pause", { id: "s" }),
  removal: command("schedule.remove", { id: "s" }),
  "run by hand": command("schedule.run", { id: "s" }),
};

test.each(Object.entries(commands))(
  "the slots before its %s hold up nobody who came behind it, or comes meanwhile",
  async (_, request) => {
    const rig = await rigBehind();
    const done: string[] = [];
    rig.meanwhile = async () => {
      if (done.includes("meanwhile")) return;
      done.push("meanwhile");
      idsOf(await rig.engine.submit(enqueue([{}])));
      done.push("came meanwhile");
    };
    const slow = rig.engine.submit(request).then((answer) => {
      done.push("slow");
      return answer;
    });
    const behind = rig.engine.submit(enqueue([{}])).then(() => done.push("came behind"));
    await behind;
    expect(await slow).toHaveProperty("reply");
    expect(done).toContain("came behind");
    expect(done).toContain("came meanwhile");
    expect(done.at(-1)).toBe("slow");
  },
);

test("it is decided once all of its slots have passed, as the schedule was", async () => {
  const rig = await rigBehind();
  const edit = command("schedule.put", {
    id: "s",
    definition: { ...definition, timing: { everyMs: 60 * SECOND } },
  });
  await rig.engine.submit(edit);
  expect(await get(rig)).toMatchObject({ fired: SLOTS, lastSlotAt: rig.now });
  expect((await rig.stats()).counts.ready).toBe(SLOTS);
});

test("commands about the schedule that wait are decided in the order in which they came", async () => {
  const rig = await rigBehind();
  const [paused, removed, run] = await Promise.all([
    rig.engine.submit(command("schedule.pause", { id: "s" })),
    rig.engine.submit(command("schedule.remove", { id: "s" })),
    rig.engine.submit(command("schedule.run", { id: "s" })),
  ]);
  expect(replyOf("schedule.pause", paused).schedule).toMatchObject({ paused: true, fired: SLOTS });
  expect(replyOf("schedule.remove", removed).removed).toBe(true);
  expect(codeOf(run)).toBe("schedule_unknown");
});

test("each entry before it has a bounded part of its slots", async () => {
  const rig = await rigBehind();
  const sizes = sizesOfGroups();
  await rig.engine.submit(command("schedule.pause", { id: "s" }));
  // Each slot is a job and its note, and counts for five changes.
  expect(Math.max(...sizes)).toBeLessThanOrEqual((2 * limits.sweepMax) / 5 + 1);
  expect(sizes.length).toBeGreaterThanOrEqual((5 * SLOTS) / limits.sweepMax);
});

test("also where the sweeps fail", async () => {
  const rig = await EngineRig.registered();
  await rig.engine.submit(enqueue([{ delayMs: 10 }]));
  await rig.engine.submit(command("schedule.put", { id: "s", definition }));
  rig.now += SLOTS * SECOND;
  vi.spyOn(writers, "job.promoted").mockImplementation(() => {
    throw new Error("poison");
  });
  const sizes = sizesOfGroups();
  const paused = await rig.engine.submit(command("schedule.pause", { id: "s" }));
  expect(replyOf("schedule.pause", paused).schedule).toMatchObject({ paused: true, fired: SLOTS });
  expect(Math.max(...sizes)).toBeLessThanOrEqual((2 * limits.sweepMax) / 5 + 1);
});

test("and what they change is written in pieces, as by an alarm", async () => {
  const rig = await EngineRig.registered();
  await rig.engine.submit(command("plan.submit", planOf("p")));
  const { job: _, ...rest } = definition;
  const action = { plan: "p", inputs: Array(5).fill("null") };
  const made = command("schedule.put", { id: "s", definition: { ...rest, action } });
  await rig.engine.submit(made);
  await rig.engine.submit(command("queue.checkpoint", {}));
  rig.now += SLOTS * SECOND;
  const rows: number[] = [];
  const { checkpoint } = Store.prototype;
  vi.spyOn(Store.prototype, "checkpoint").mockImplementation(function (this: Store<never, never>) {
    rows.push(weightOf(this.stats));
    checkpoint.call(this);
  });
  await rig.engine.submit(command("schedule.pause", { id: "s" }));
  expect(rows.length).toBeGreaterThan(0);
  expect(Math.max(...rows)).toBeLessThan(limits.checkpointAlarmRows + 4 * limits.sweepMax);
});

test("where its slots themselves fail it is told, and others go on", async () => {
  const rig = await rigBehind();
  vi.spyOn(writers, "schedule.fired").mockImplementation(() => {
    throw new Error("poison");
  });
  expect(codeOf(await rig.engine.submit(command("schedule.pause", { id: "s" })))).toBe("internal");
  expect(idsOf(await rig.engine.submit(enqueue([{}])))).toHaveLength(1);
});
