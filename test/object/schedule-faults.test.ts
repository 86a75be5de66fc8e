/**
 * Schedules while upkeep fails: the sweep before a command is undone, and the command is judged by itself.
 * Invariant: a slot that was due before an edit, a pause, a removal or a run by hand is passed by what the schedule was then.
 */
import { afterEach, expect, test, vi } from "vitest";
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { writers } from "../../src/store/schema.ts";
import { command, enqueue, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

const definition = (payload: string): CommandInputs["schedule.put"]["definition"] => ({
  timing: { everyMs: 2000 },
  catchUp: "one",
  overlap: "allow",
  job: { payload },
});

/** A queue in which a slot of schedule `s` is due, and a sweep fails before it comes to it. */
async function rigWithDueSlot(): Promise<EngineRig> {
  const rig = await EngineRig.registered();
  await rig.engine.submit(enqueue([{ id: "poison", delayMs: 1000 }]));
  const put = command("schedule.put", { id: "s", definition: definition('"old"') });
  await rig.engine.submit(put);
  rig.now += 2500;
  vi.spyOn(writers, "job.promoted").mockImplementation(() => {
    throw new Error("poison");
  });
  return rig;
}

const commands: Readonly<Record<string, [request: CommandRequest, payloads: string[]]>> = {
  "an edit": [command("schedule.put", { id: "s", definition: definition('"new"') }), ['"old"']],
  "a pause": [command("schedule.pause", { id: "s" }), ['"old"']],
  "a removal": [command("schedule.remove", { id: "s" }), ['"old"']],
  "a run by hand": [command("schedule.run", { id: "s" }), ['"old"', '"old"']],
};

test.each(Object.entries(commands))(
  "%s passes the slot that is due before it, though the sweep has failed",
  async (_, [request, payloads]) => {
    const rig = await rigWithDueSlot();
    const dueAt = rig.now - 500;
    expect(await rig.engine.submit(request)).toHaveProperty("reply");
    expect(rig.faults).not.toEqual([]);
    const list = await rig.engine.read(command("job.list", { state: "ready", include: "payload" }));
    const { jobs } = replyOf("job.list", list);
    expect(jobs.map(({ payload }) => JSON.stringify(payload))).toEqual(payloads);
    expect(jobs.map(({ slotAt }) => slotAt)).toEqual([dueAt, undefined].slice(0, payloads.length));
  },
);
