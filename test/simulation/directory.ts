/**
 * The directory as a queue meets it: slow, and sometimes not there.
 * Invariant: a call is answered when the scheduler says so, and has had its effect or not.
 */
import type { DirectoryCall } from "./instance.ts";

interface Pending {
  readonly call: DirectoryCall;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export class Directory {
  readonly queues = new Map<string, string>();
  #pending: Pending[] = [];

  call(call: DirectoryCall): Promise<void> {
    return new Promise((done, fail) => this.#pending.push({ call, done, fail }));
  }

  get waiting(): number {
    return this.#pending.length;
  }

  /** Answers the oldest call. It may have had its effect though it fails, or fail without. */
  answer({ fails, hasEffect }: { readonly fails: boolean; readonly hasEffect: boolean }): void {
    const oldest = this.#pending.shift();
    if (oldest === undefined) return;
    if (hasEffect) this.#apply(oldest.call);
    if (fails) oldest.fail(new Error("the directory did not answer"));
    else oldest.done();
  }

  /** Who called is gone: nobody waits for the answers any more. */
  cutOff(): void {
    for (const { call } of this.#pending) this.#apply(call);
    this.#pending = [];
  }

  #apply(call: DirectoryCall): void {
    if ("register" in call) this.queues.set(call.register.name, call.register.queueId);
    else {
      const { name, queueId } = call.forget;
      if (queueId === undefined || this.queues.get(name) === queueId) this.queues.delete(name);
    }
  }
}
