/**
 * Whom a queue pushes its jobs to: has what was sent, and answers late, badly, or never.
 * Invariant: a job is pushed only while it runs, under a lease that outlives the time that the target is given.
 */
import type { PostAnswer, PostRequest } from "../../src/object/post.ts";
import type { Auditor } from "./auditor.ts";
import type { Coverage } from "./coverage.ts";
import type { Instance } from "./instance.ts";
import type { Random } from "./random.ts";
import { demand } from "./violation.ts";

interface Surroundings {
  readonly auditor: Auditor;
  readonly coverage: Coverage;
  readonly current: Instance | undefined;
  now(): number;
  settle(): Promise<void>;
}

interface Push {
  readonly instance: Instance;
  readonly answer: (answer: PostAnswer) => void;
  readonly fail: (error: Error) => void;
}

const answerOf = (status: number, text = "", more: Partial<PostAnswer> = {}): PostAnswer => ({
  ...{ status, text, isWhole: true, contentType: "application/json", retryAfter: null },
  ...more,
});

export class Target {
  readonly #world: Surroundings;
  #pushes: Push[] = [];

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Whether it was ever sent a job. */
  isPushedTo = false;

  /** Is sent a job. */
  take(instance: Instance, { headers, timeoutMs }: PostRequest): Promise<PostAnswer> {
    const { auditor, coverage } = this.#world;
    coverage.fault("job pushed");
    this.isPushedTo = true;
    const id = headers["sluice-job"] ?? "";
    // What an instance sends that was superseded has been overtaken; one that has crashed sends nothing.
    if (instance === this.#world.current && !instance.isOver) {
      const { state, leaseUntil = 0 } = auditor.state.jobs.get(id) ?? {};
      const outlives = leaseUntil > this.#world.now() + timeoutMs;
      auditor.watch(() =>
        demand(state === "running" && outlives, "I2", `job ${id} is pushed`, state, leaseUntil),
      );
    }
    return new Promise((answer, fail) => this.#pushes.push({ instance, answer, fail }));
  }

  /** Answers a push of an instance that still is there. Returns whether there was one. */
  async answer(random: Random): Promise<boolean> {
    this.#pushes = this.#pushes.filter(({ instance }) => !instance.isOver);
    const push = this.#pushes.splice(random.below(Math.max(1, this.#pushes.length)), 1)[0];
    if (push === undefined) return false;
    const kind = random.below(10);
    if (kind < 5) push.answer(answerOf(200, kind < 3 ? '{"done":true}' : ""));
    else {
      this.#world.coverage.fault("target fails");
      if (kind < 7) push.answer(answerOf(503, "down"));
      else if (kind === 7) push.answer(answerOf(429, "", { retryAfter: "2" }));
      else if (kind === 8) push.answer(answerOf(422));
      else push.fail(new Error("connection refused"));
    }
    await this.#world.settle();
    return true;
  }

  /** Answers all that were pushed. */
  async answerAll(): Promise<void> {
    for (const { instance, answer } of this.#pushes.splice(0)) {
      if (!instance.isOver) answer(answerOf(200));
    }
    await this.#world.settle();
  }
}
