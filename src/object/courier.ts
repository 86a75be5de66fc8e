/**
 * Pushes jobs to the target of a queue's delivery: claims them as a worker would, posts each, and settles them by what was answered.
 * Invariant: a job is posted only under a lease that outlives the post, and settled under its token; what is lost with the object comes
 * back when that lease ends.
 */
import type { CommandInputs } from "../contract/commands.ts";
import { type DeliverySettings, isHere } from "../contract/deliveries.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { leaseToken } from "../contract/ids.ts";
import type { JsonText } from "../contract/json.ts";
import type { ClaimedJob, ClaimInput, ClaimReply, Settlement } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refusals, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { queueOf, type View } from "../machine/decide.ts";
import { deliveriesAtOnce, deliveryDueAt } from "../machine/deliveries.ts";
import type { DeliveryRow } from "../store/deliveries.ts";
import { payloadOf } from "../store/job-texts.ts";
import { type Outcome, outcomeOf, type Post, requestFor, unreached } from "./post.ts";
import { Target } from "./target.ts";

interface CourierPorts {
  readonly name: string;
  /** Whether the deployment delivers to addresses on this machine. */
  readonly deliversHere: boolean;
  now(): number;
  readonly post: Post;
  submit(request: CommandRequest): Promise<CommandAnswer>;
  view(): View | undefined;
  /** Has the courier called again soon, also where nothing else happens. */
  later(): void;
  report(error: unknown, what: string): void;
}

/** How much longer than its post a lease lasts. */
const LEASE_MARGIN_MS = 10_000;
/** A queue that has jobs to push looks after them again this soon, should this instance be lost. */
const LOOK_AGAIN_MS = 10_000;
/** What was to be done could not be, for now. */
const AGAIN = Symbol("again");

const forbidden = refuse(
  "target_forbidden",
  "This deployment pushes no jobs to the machine it runs on. For development, set SLUICE_DELIVER_HERE to true.",
);

export class Courier {
  readonly #ports: CourierPorts;
  /** What came of posts, and is to be settled. */
  readonly #settlements: Settlement[] = [];
  readonly #target: Target;
  #underWay = 0;
  #isAtWork = false;
  #hasNews = false;
  /** What is ready is not for pushing, as far as is known. */
  #isDry = false;
  #wake: (() => void) | undefined;

  constructor(ports: CourierPorts) {
    this.#ports = ports;
    this.#target = new Target({ now: () => ports.now(), delivery: () => this.#delivery() });
  }

  /** Why a delivery cannot be put so here. */
  refusalOf({ name, input }: CommandRequest): Refusal | undefined {
    if (name !== "delivery.put" || this.#ports.deliversHere) return undefined;
    const { url } = input as CommandInputs["delivery.put"];
    return url !== undefined && isHere(url) ? forbidden : undefined;
  }

  /** When there is something to push. What is there already is looked after a little later: mostly somebody is about to. */
  dueAt(view: View): number {
    const dueAt = this.#isDry ? Number.POSITIVE_INFINITY : deliveryDueAt(view);
    return dueAt > view.at ? dueAt : this.#ports.now() + LOOK_AGAIN_MS;
  }

  /** A job may have become ready, or the delivery may have changed. What is to be done begins when the caller has ended. */
  notice(): void {
    this.#isDry = false;
    this.#hasNews = true;
    this.#wake?.();
    const hasToSay = this.#settlements.length > 0 || this.#target.hasFinding;
    if (this.#isAtWork || !(hasToSay || this.#room() > 0)) return;
    this.#isAtWork = true;
    Promise.resolve()
      .then(() => this.#work())
      .catch((error: unknown) => this.#ports.report(error, "delivery"));
  }

  /** How many more posts may begin. */
  #room(): number {
    const view = this.#ports.view();
    if (view === undefined || deliveryDueAt(view) > view.at) return 0;
    return Math.max(0, deliveriesAtOnce(view) - this.#underWay);
  }

  /** Goes on until nothing is ready and nothing under way. */
  async #work(): Promise<void> {
    try {
      while (this.#hasNews || this.#underWay > 0) {
        if (!this.#hasNews) await this.#news();
        this.#hasNews = false;
        await this.#turn();
      }
    } finally {
      // In the turn in which it was seen that nothing is left: no news can come between.
      this.#isAtWork = false;
    }
  }

  /** Resolves when something has happened. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Says what was found of the target, settles what was answered, claims what there is room for, and posts it. */
  async #turn(): Promise<void> {
    const finding = this.#target.take();
    if (finding !== undefined && (await this.#submit(finding.request)) === AGAIN) {
      this.#target.again(finding);
      return this.#ports.later();
    }
    const delivery = this.#delivery();
    const room = this.#room();
    const claim = delivery && room > 0 ? claimFor(delivery.settings, room) : undefined;
    const { items, bytes } = this.#nextSettlements();
    if (items.length === 0 && claim === undefined) return;
    const answer = await this.#submit(requestOf(items, bytes, claim));
    if (answer === AGAIN) {
      this.#settlements.unshift(...items);
      return this.#ports.later();
    }
    if (answer === undefined) return;
    const { jobs = [] } = answer as Partial<ClaimReply>;
    this.#isDry = claim !== undefined && jobs.length === 0 && !this.#hasNews;
    this.#begin(jobs);
  }

  /** Gives the reply; `AGAIN` where too many wait or nothing could be written. Undefined means that the queue is another one by now. */
  async #submit(request: CommandRequest): Promise<object | typeof AGAIN | undefined> {
    const answer = await this.#ports.submit(request);
    if ("reply" in answer) return JSON.parse(answer.reply) as object;
    return refusals[answer.refusal.refusalCode].retryable ? AGAIN : undefined;
  }

  /** Posts jobs, unless they are to be pushed no more: since they were asked for, somebody may have paused, changed or removed the delivery. */
  #begin(jobs: readonly ClaimedJob[]): void {
    const delivery = this.#delivery();
    const view = this.#ports.view();
    if (delivery !== undefined && view !== undefined && deliveriesAtOnce(view) > 0) {
      for (const job of jobs) {
        this.#deliver(job, delivery).catch((error: unknown) =>
          this.#ports.report(error, "delivery"),
        );
      }
    } else for (const job of jobs) this.#giveBack(job);
  }

  /** It goes back uncounted. */
  #giveBack({ id, token }: ClaimedJob): void {
    this.#settlements.push({ op: "release", id, token });
    this.notice();
  }

  /** As many settlements as one request may be long; what is left is for the next turn. */
  #nextSettlements(): { readonly items: readonly Settlement[]; readonly bytes: number } {
    let [count, bytes] = [0, 0];
    for (const settlement of this.#settlements) {
      const more = utf8Bytes(JSON.stringify(settlement));
      if (count > 0 && bytes + more > limits.bodyBytesMax) break;
      bytes += more;
      count += 1;
    }
    const items = this.#settlements.splice(0, count);
    if (this.#settlements.length > 0) this.#hasNews = true;
    return { items, bytes };
  }

  #delivery(): DeliveryRow | undefined {
    const view = this.#ports.view();
    return view && queueOf(view).delivery;
  }

  async #deliver(job: ClaimedJob, { settings, paused }: DeliveryRow): Promise<void> {
    const { name, now, post } = this.#ports;
    // The payload as it came, byte for byte.
    const payload = this.#payloadOf(job);
    if (payload === undefined) return;
    if (job.leaseUntil <= now() + settings.timeoutMs) {
      // It took so long to become durable that the post could outlive it.
      return this.#giveBack(job);
    }
    this.#underWay += 1;
    let outcome: Outcome;
    try {
      const answer = await post(requestFor(name, job, payload, settings, now()));
      outcome = outcomeOf(job, answer, settings, now());
    } catch (error) {
      outcome = unreached(job, error);
    }
    this.#underWay -= 1;
    this.#settlements.push(outcome.settlement);
    const { fault, retryAfterMs } = outcome;
    if (fault !== undefined) this.#target.failed(settings.url, fault, retryAfterMs, paused?.probe);
    else if (outcome.settlement.op === "complete") this.#target.worked(settings.url);
    this.notice();
  }

  /** The payload of a job that is still held under this lease. */
  #payloadOf({ id, token }: ClaimedJob): JsonText | undefined {
    const view = this.#ports.view();
    const row = view?.tables.jobs.get([id]);
    if (view === undefined || row?.state !== "running" || row.grant === undefined) return undefined;
    return leaseToken(view.identity, row.grant) === token ? payloadOf(view.tables, row) : undefined;
  }
}

const claimFor = ({ timeoutMs, capabilities }: DeliverySettings, max: number): ClaimInput => ({
  max,
  capabilities: [...capabilities],
  leaseMs: timeoutMs + LEASE_MARGIN_MS,
});

/** A claim, settlements, or both in one. */
function requestOf(
  items: readonly Settlement[],
  bytes: number,
  claim: ClaimInput | undefined,
): CommandRequest {
  if (items.length === 0) return { v: 1, name: "lease.claim", input: claim ?? {}, bytes: 0 };
  return { v: 1, name: "lease.settle", input: { items, claim }, bytes };
}
