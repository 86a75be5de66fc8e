/**
 * The jobs in a worker's hands: each from its arrival until the server has answered its end.
 * Invariant: what is to be said of a job goes through the outbox, its news before its end; a job that the server says is lost is
 * told so.
 */
import type { HeldLease } from "../contract/leases.ts";
import { type Ahead, WAIT_MS_MAX } from "./ahead.ts";
import { blamesBody, SluiceError } from "./errors.ts";
import { type Handler, Hold } from "./hold.ts";
import type { Outbox } from "./outbox.ts";
import { insteadText, releaseText } from "./outcome.ts";
import type { Queue } from "./queue.ts";
import type { ClaimedJob, NotSettled, SettleAnswer } from "./types.ts";
import type { WorkerOptions } from "./worker-options.ts";

interface HoldsPorts<Payload, Result> {
  readonly queue: Queue<Payload, Result>;
  readonly handler: Handler<Payload, Result>;
  readonly options: Pick<WorkerOptions<Payload>, "leaseMs" | "onJob" | "onSettled"> & {
    readonly concurrency: number;
  };
  readonly ahead: Ahead;
  readonly outbox: Outbox<SettleAnswer>;
  /** Milliseconds of a clock that nobody sets. */
  now(): number;
  /** Whether jobs that still arrive are given back. */
  isStopping(): boolean;
  /** There is something to send, or a slot is free. */
  wakeUp(): void;
  /** A handler has ended, or its job was given back. */
  ended(): void;
  report(error: unknown): void;
}

/** When the server said something: its time, and when it was asked, or heard. */
export interface Moment {
  readonly now: number;
  readonly sentAt: number;
}

export class Holds<Payload, Result> {
  readonly #ports: HoldsPorts<Payload, Result>;
  /** Jobs whose handler runs; each takes a slot. */
  readonly #running = new Set<Hold<Payload>>();
  /** Jobs that came ahead, by when they did: their handlers run when slots are free. */
  readonly #waiting = new Map<Hold<Payload>, number>();
  /** Jobs whose end the server has not answered yet, by their leases. */
  readonly #unsettled = new Map<string, Hold<Payload>>();
  /** Of the newest answer to settlements. */
  #heard: Moment = { now: 0, sentAt: 0 };

  constructor(ports: HoldsPorts<Payload, Result>) {
    this.#ports = ports;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#running.size;
  }

  /** How many slots are taken, or will be by those that wait for one. */
  get taken(): number {
    return this.#running.size + this.#waiting.size;
  }

  /** How many jobs the server has not answered the end of. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** When something is to be said of a job before its end. */
  get dueAt(): number {
    const [oldest = Number.POSITIVE_INFINITY] = this.#waiting.values();
    let dueAt = oldest + WAIT_MS_MAX;
    for (const hold of this.#running) dueAt = Math.min(dueAt, hold.hasNews ? 0 : hold.extendAt);
    return dueAt;
  }

  /** Begins to work on jobs, as far as there are slots. `isPushed`: they came over the session's channel. */
  take(jobs: readonly ClaimedJob<Payload>[], { now, sentAt }: Moment, isPushed: boolean): void {
    for (const job of jobs) {
      const hold = new Hold(job, now, sentAt, isPushed);
      this.#unsettled.set(nameOf(job), hold);
      if (this.#running.size < this.#ports.options.concurrency) void this.#work(hold);
      else this.#waiting.set(hold, sentAt);
    }
  }

  /** The server has answered settlements, as of then. */
  answered(heard: Moment): void {
    this.#heard = heard;
  }

  /** Puts what is to be said of running jobs among the items to send. */
  speak(now: number): void {
    for (const hold of this.#running) this.#keep(hold, now);
    for (const [hold, since] of this.#waiting) {
      if (since + WAIT_MS_MAX > now) break;
      this.#ports.ahead.waitedLong();
      this.#giveBack(hold);
    }
  }

  /** Gives back the jobs whose turn has not come. */
  releaseWaiting(): void {
    for (const hold of this.#waiting.keys()) this.#giveBack(hold);
  }

  /** Another worker may be free for it. */
  #giveBack(hold: Hold<Payload>): void {
    this.#waiting.delete(hold);
    hold.release();
    void this.#work(hold);
  }

  /** Tells every handler that still runs to stop: its job is given back when it has. */
  stopAll(reason: Error): void {
    for (const hold of this.#running) hold.stop(reason);
  }

  /** Gives back every job whose handler still runs. */
  releaseAll(): void {
    for (const hold of this.#running) hold.release();
  }

  /** The server says that these jobs are lost. */
  lose(items: readonly (NotSettled & { readonly token: string })[]): void {
    for (const item of items) {
      const hold = this.#unsettled.get(nameOf(item));
      hold?.heard(item);
      if (hold !== undefined && this.#waiting.delete(hold)) this.#unsettled.delete(nameOf(item));
    }
  }

  /** The session's leases, as the server has them: what is not among them was lost, and what is not known here never arrived. */
  resume(leases: readonly HeldLease[], { now, sentAt }: Moment): void {
    const held = new Map(leases.map((lease) => [nameOf(lease), lease]));
    for (const hold of this.#waiting.keys()) {
      // It is among those that are given back below, if it is held still.
      this.#waiting.delete(hold);
      this.#unsettled.delete(nameOf(hold.held));
    }
    for (const hold of this.#running) {
      const lease = held.get(nameOf(hold.held));
      if (lease !== undefined) hold.leased(lease.leaseUntil - now, sentAt);
      else if (hold.isPushed) hold.heard({ id: hold.job.id, ok: false, problem: gone });
    }
    for (const [name, lease] of held) {
      if (this.#unsettled.has(name)) continue;
      void this.#ports.outbox.add(releaseText(lease)).catch(this.#ports.report);
    }
  }

  /** Works on one job until the server has answered its end. Never rejects. */
  async #work(hold: Hold<Payload>): Promise<void> {
    const { options, report, wakeUp } = this.#ports;
    try {
      const isOver = this.#ports.isStopping() || hold.isReleased;
      const text = isOver ? releaseText(hold.held) : await this.#handle(hold);
      const answer = hold.canSettle ? await this.#settle(hold, text) : hold.lost;
      if (answer !== undefined) this.#tell(() => options.onSettled?.(hold.job, answer));
    } catch (error) {
      report(error);
    } finally {
      this.#unsettled.delete(nameOf(hold.held));
      wakeUp();
    }
  }

  async #handle(hold: Hold<Payload>): Promise<string> {
    const { queue, handler, options, ahead, wakeUp, now, ended } = this.#ports;
    const startedAt = now();
    this.#running.add(hold);
    try {
      this.#tell(() => options.onJob?.(hold.job));
      const parents: Queue["parents"] = (id) => queue.parents(id);
      const text = await hold.run(handler, { onNews: wakeUp, parents });
      // Who was told to stop has hardly done its work, whatever it says.
      return hold.isStopped ? releaseText(hold.held) : text;
    } finally {
      this.#running.delete(hold);
      ended();
      ahead.end(now() - startedAt);
      const [next] = this.#waiting.keys();
      if (next !== undefined && this.#waiting.delete(next)) void this.#work(next);
    }
  }

  /** In place of a settlement that the server cannot take, as when the result is too large, another one ends the attempt. */
  async #settle(hold: Hold<Payload>, text: string): Promise<SettleAnswer> {
    this.#sendNews(hold);
    try {
      return await this.#post(text);
    } catch (error) {
      if (!blamesBody(error)) throw error;
      this.#ports.report(error);
      return await this.#post(insteadText(text, error.detail));
    }
  }

  #post(text: string): Promise<SettleAnswer> {
    const answer = this.#ports.outbox.add(text);
    this.#ports.wakeUp();
    return answer;
  }

  /**
   * Puts a running job's news, and the extension of its lease when due, among the items to send.
   */
  #keep(hold: Hold<Payload>, now: number): void {
    const { outbox, options, report } = this.#ports;
    this.#sendNews(hold);
    const extension = hold.takeExtension(now, options.leaseMs);
    if (extension === undefined) return;
    const extended = (answer: SettleAnswer): void => {
      hold.heard(answer);
      if (!answer.ok || answer.leaseUntil === undefined) return;
      hold.leased(answer.leaseUntil - this.#heard.now, this.#heard.sentAt);
    };
    void outbox.add(extension).then(extended).catch(report);
  }

  /** Puts a job's reports and its progress among the items to send. */
  #sendNews(hold: Hold<Payload>): void {
    const { outbox, report } = this.#ports;
    const heard = (answer: SettleAnswer): void => {
      hold.heard(answer);
      const isWrong = !answer.ok && answer.problem.code === "task_unknown";
      if (isWrong) report(new SluiceError(answer.problem));
    };
    const progress = hold.takeProgress();
    const texts = [...hold.takeReports(), ...(progress === undefined ? [] : [progress])];
    for (const text of texts) void outbox.add(text).then(heard).catch(report);
  }

  /** An observer that throws harms no job. */
  #tell(observe: () => void): void {
    try {
      observe();
    } catch (error) {
      this.#ports.report(error);
    }
  }
}

/** A lease, by the job and the token that name it. */
const nameOf = ({ id, token }: { readonly id: string; readonly token: string }): string =>
  `${token} ${id}`;

const gone: NotSettled["problem"] = {
  type: "urn:sluice:problem:lease_stale",
  title: "The lease is no longer held",
  status: 409,
  code: "lease_stale",
  detail: "The lease ended while the worker had no channel: drop the work.",
  retryable: false,
};
