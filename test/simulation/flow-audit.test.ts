/**
 * The audit of flow control: what the log tells of each rule that was broken, without any model.
 * Invariant: events are written out as an engine would write them, and one that it never would is refused.
 */
import { describe, expect, test } from "vitest";
import { type Event, eventTexts } from "../../src/contract/events.ts";
import { EntryBuilder, EventCodec } from "../../src/store/entry.ts";
import { FlowAudit } from "./flow-audit.ts";
import { noQueue } from "./model/state.ts";

const keys = {
  ...{ concurrency: null, rate: null, weight: 1, maxBacklog: null },
  ...{ order: "priority", onRetry: "block", onFail: "next" },
};
type Facts = Readonly<Record<string, unknown>>;
type Told = readonly [type: string, facts?: Facts, at?: number];

/** Judges events, each in an entry of its own. */
function judge(config: Facts, ...told: readonly Told[]): void {
  let audit = new FlowAudit();
  const whole = {
    concurrency: null,
    rate: null,
    ...config,
    keys: { ...keys, ...(config["keys"] as object) },
  };
  const first: Told = ["queue.created", { name: "q", queueId: "q", term: 1, config: whole }];
  for (const [type, facts = {}, at = 1000] of [first, ...told]) {
    const codec = new EventCodec<Event>(eventTexts);
    const builder = new EntryBuilder<Event>(codec);
    builder.add({ type, v: 1, ...facts } as unknown as Event);
    const { events, texts } = builder.build();
    audit = audit.judge([events, texts], at, noQueue);
  }
}

let seq = 0;
const enqueued = (id: string, facts: Facts = {}, at = 1000): Told => {
  seq += 1;
  return ["job.enqueued", { id, seq, lane: 1, payload: "1", payloadBytes: 1, ...facts }, at];
};
const claimed = (id: string, at = 1000): Told => [
  "job.claimed",
  { id, grant: 1, leaseUntil: at + 1000 },
  at,
];
const a = { key: "a", lane: 2 };
const b = { key: "b", lane: 3 };

describe("a limit that is passed is found", () => {
  test("of the queue", () => {
    const jobs = [enqueued("1"), enqueued("2")];
    expect(() => judge({ concurrency: 1 }, ...jobs, claimed("1"), claimed("2"))).toThrow("I6");
  });

  test("of a key, by its own settings or the queue's", () => {
    const jobs = [enqueued("1", a), enqueued("2", a), claimed("1"), claimed("2")];
    expect(() => judge({ keys: { concurrency: 1 } }, ...jobs)).toThrow("I6");
    const put: Told = ["key.put", { key: "a", settings: { concurrency: 1 } }];
    expect(() => judge({}, put, ...jobs)).toThrow("I6");
    expect(() => judge({ keys: { concurrency: 2 } }, ...jobs)).not.toThrow();
  });

  test("of a key whose cancelled job its worker still has", () => {
    const jobs = [enqueued("1", a), enqueued("2", a), claimed("1"), ["job.cancelled", { id: "1" }]];
    const ended: Told = ["lingering.ended", { id: "1", grant: 1, until: 2000 }];
    const config = { keys: { concurrency: 1 } };
    expect(() => judge(config, ...(jobs as Told[]), claimed("2"))).toThrow("I6");
    expect(() => judge(config, ...(jobs as Told[]), ended, claimed("2"))).not.toThrow();
  });

  test("of a pause, or of the time for which a key is held", () => {
    expect(() => judge({}, enqueued("1", a), ["key.paused", { key: "a" }], claimed("1"))).toThrow(
      "I6",
    );
    const held: Told = ["job.released", { id: "1", holdKeyUntil: 3000 }];
    const jobs = [enqueued("1", a), claimed("1"), held];
    expect(() => judge({}, ...jobs, claimed("1", 2999))).toThrow("I6");
    expect(() => judge({}, ...jobs, claimed("1", 3000))).not.toThrow();
    const resumed: Told = ["key.resumed", { key: "a" }];
    const lifted: Told = ["key.resumed", { key: "a", lifted: true }];
    expect(() => judge({}, ...jobs, resumed, claimed("1", 2999))).toThrow("I6");
    expect(() => judge({}, ...jobs, lifted, claimed("1", 2999))).not.toThrow();
  });

  test("of a rate, of which what was released is taken back", () => {
    const rate = { limit: 1, perMs: 1000 };
    const jobs = [enqueued("1", a), enqueued("2", a), claimed("1")];
    expect(() => judge({ keys: { rate } }, ...jobs, claimed("2", 1999))).toThrow("I6");
    expect(() => judge({ keys: { rate } }, ...jobs, claimed("2", 2000))).not.toThrow();
    const back: Told = ["job.released", { id: "1" }];
    expect(() => judge({ keys: { rate } }, ...jobs, back, claimed("2"))).not.toThrow();
    expect(() => judge({ rate }, ...jobs, claimed("2", 1999))).toThrow("I6");
  });
});

describe("strict order that is broken is found", () => {
  const config = { keys: { order: "fifo" } };

  test("where a job passes one before it", () => {
    const jobs = [enqueued("1", a), enqueued("2", { ...a, priority: -1 })];
    expect(() => judge(config, ...jobs, claimed("2"))).toThrow("I5");
    expect(() => judge(config, ...jobs, claimed("1"))).not.toThrow();
  });

  test("where two run at once", () => {
    const jobs = [enqueued("1", a), enqueued("2", a)];
    expect(() => judge(config, ...jobs, claimed("1"), claimed("2"))).toThrow("I5");
  });

  test("where a job passes one that waits to be tried again, unless that takes a new place", () => {
    const jobs = [enqueued("1", a), enqueued("2", a), claimed("1")];
    const failed: Told = ["job.failed", { id: "1", error: "no", runAt: 5000 }];
    expect(() => judge(config, ...jobs, failed, claimed("2"))).toThrow("I5");
    const rejoin = { keys: { order: "fifo", onRetry: "rejoin" } };
    expect(() => judge(rejoin, ...jobs, failed, claimed("2"))).not.toThrow();
  });
});

describe("turns that are not fair are found", () => {
  const jobs = [...["1", "2", "3", "4"].map((id) => enqueued(id, a)), enqueued("b1", b)];

  test("where a key waits and another has its turn again and again", () => {
    expect(() => judge({}, ...jobs, claimed("1"), claimed("2"), claimed("3"))).toThrow("I6");
    const fair = [claimed("1"), claimed("b1"), claimed("2"), claimed("3"), claimed("4")];
    expect(() => judge({}, ...jobs, ...fair)).not.toThrow();
  });

  test("where a key waits and one that came since has its turn before it", () => {
    const late = [...jobs, claimed("1"), enqueued("c1", { key: "c" })];
    expect(() => judge({}, ...late, claimed("c1"))).toThrow("I6");
    expect(() => judge({}, ...late, claimed("b1"), claimed("c1"))).toThrow("I6");
    expect(() => judge({}, ...late, claimed("b1"), claimed("2"), claimed("c1"))).not.toThrow();
  });

  test("where a key waits and jobs without one have three turns", () => {
    const plain = ["p1", "p2", "p3"];
    const all = [...jobs, ...plain.map((id) => enqueued(id))];
    expect(() => judge({}, ...all, ...plain.map((id) => claimed(id)))).toThrow("I6");
    const fair = [claimed("p1"), claimed("p2"), claimed("1"), claimed("b1"), claimed("p3")];
    expect(() => judge({}, ...all, ...fair)).not.toThrow();
  });

  test("where jobs without a key wait and a key has its turn again and again", () => {
    const alone = ["1", "2", "3", "4", "5"].map((id) => enqueued(id, a));
    const turns = ["1", "2", "3", "4"].map((id) => claimed(id));
    expect(() => judge({}, ...alone, enqueued("p"), ...turns)).toThrow("I6");
    expect(() => judge({}, ...alone, ...turns, enqueued("p"))).not.toThrow();
  });

  test("where jobs without a key wait, and keys of other requirements have turns that they might have been given", () => {
    const gpu = { lane: 4, set: 4, requires: ["gpu"], key: "g" };
    const names = ["1", "2", "3", "4", "5"];
    const all = [...names.map((id) => enqueued(id, gpu)), enqueued("p")];
    const turns = names.map((id) => claimed(id));
    expect(() => judge({}, ...all, ...turns)).toThrow("I6");
    expect(() =>
      judge({}, ...all, ...turns.slice(0, 4), claimed("p"), ...turns.slice(4)),
    ).not.toThrow();
    // Who takes jobs of keys that require nothing may have no graphics card.
    const plain = [
      ...names.map((id) => enqueued(id, a)),
      enqueued("p", { ...gpu, key: undefined }),
    ];
    expect(() => judge({}, ...plain, ...turns)).not.toThrow();
  });

  test("where a key waits, and the jobs without one of other requirements have turns that it might have been given", () => {
    const gpu = { lane: 4, requires: ["gpu"] };
    const names = ["1", "2", "3", "4", "5"];
    const all = [...names.map((id) => enqueued(id, gpu)), enqueued("a1", a)];
    expect(() => judge({}, ...all, ...names.map((id) => claimed(id)))).toThrow("I6");
  });

  test("but not where the one that waits is shut, or the other has more weight", () => {
    const all = ["1", "2", "3", "4"].map((id) => claimed(id));
    expect(() => judge({}, ...jobs, ["key.paused", { key: "b" }], ...all)).not.toThrow();
    const put: Told = ["key.put", { key: "a", settings: { weight: 2 } }];
    expect(() => judge({}, put, ...jobs, ...all)).not.toThrow();
  });
});

test("a turn that has begun is finished by the weight with which it began, and no longer than another key has had one", () => {
  const weigh = (weight: number | null): Told => ["key.put", { key: "a", settings: { weight } }];
  const jobs = ["1", "2", "3", "4"].map((id) => enqueued(id, a));
  const begun = [weigh(4), ...jobs, enqueued("b1", b), enqueued("c1", { key: "c" }), claimed("1")];
  const rest = [claimed("2"), claimed("3"), claimed("4")];
  expect(() => judge({}, ...begun, weigh(null), ...rest)).not.toThrow();
  expect(() => judge({}, ...begun, weigh(null), claimed("c1"), ...rest)).toThrow("I6");
});

describe("a unique key with more than one job", () => {
  const unique = { key: "u" };
  const after = [{ id: "1", onFail: "continue" }];
  const two = [enqueued("1", { unique }), claimed("1"), enqueued("2", { unique, after })];
  test("of which the second one waits for the first one's end is as it should be", () => {
    expect(() => judge({}, ...two)).not.toThrow();
  });
  test.each([
    ["that both may be handed out", [enqueued("1", { unique }), enqueued("2", { unique })]],
    ["of which a third one waits", [...two, enqueued("3", { unique, after })]],
  ])("%s is found", (_, told) => {
    expect(() => judge({}, ...told)).toThrow("I7");
  });
});

describe("a flow that is broken is found", () => {
  const parent = enqueued("p");
  const child = (onFail?: string) =>
    enqueued("c", { after: [{ id: "p", ...(onFail && { onFail }) }] });
  const told: Told = ["job.parent_ended", { id: "p", children: 1 }];
  const failed: Told = ["job.failed", { id: "p", error: "no" }];

  test("where a child starts before its parent ended", () => {
    expect(() => judge({}, parent, child(), claimed("c"))).toThrow("I1");
    expect(() => judge({}, parent, child(), told, claimed("c"))).toThrow("flow");
    const done: Told = ["job.completed", { id: "p" }];
    expect(() => judge({}, parent, child(), claimed("p"), done, told, claimed("c"))).not.toThrow();
  });

  test("where a child starts though its parent did not end well enough", () => {
    expect(() => judge({}, parent, child(), claimed("p"), failed, told, claimed("c"))).toThrow(
      "flow",
    );
    const goesOn = [parent, child("continue"), claimed("p"), failed, told, claimed("c")];
    expect(() => judge({}, ...goesOn)).not.toThrow();
  });

  test("where a parent is removed before its children ended", () => {
    const jobs = [parent, child("continue"), claimed("p"), failed, told];
    const removed: Told = ["job.removed", { id: "p" }];
    expect(() => judge({}, ...jobs, removed)).toThrow("flow");
    expect(() => judge({}, ...jobs, ["job.cancelled", { id: "c" }], removed)).not.toThrow();
  });
});
