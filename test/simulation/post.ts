/**
 * The post: requests on their way to instances, and what they are answered.
 * Invariant: an answer is what was decided, is told once, and only when all that it saw is durable.
 */
import { createHash, type Hash } from "node:crypto";
import { type CommandInputs, type CommandName, commands } from "../../src/contract/commands.ts";
import type { ClaimInput } from "../../src/contract/leases.ts";
import { pack, packAnswer, unpack, unpackAnswer } from "../../src/contract/packing.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import type { Auditor } from "./auditor.ts";
import type { Coverage } from "./coverage.ts";
import { type Call, codesOfItems, type Delivery, endOf, toModel } from "./delivery.ts";
import type { Disk } from "./disk.ts";
import type { Instance } from "./instance.ts";
import { submit } from "./observer.ts";
import { Reader } from "./reader.ts";
import { small } from "./small.ts";
import { demand, same } from "./violation.ts";

/** Commands that the object does by itself, alone. */
const own: readonly CommandName[] = [
  "queue.checkpoint",
  "queue.delete",
  "snapshot.build",
  "snapshot.import",
  "snapshot.remove",
];

/** Lists whose cursors are sealed. */
const sealed: readonly CommandName[] = [
  ...(["job.list", "job.parents", "key.list"] as const),
  ...(["plan.list", "action.list", "schedule.list"] as const),
];

/** An instance knows who asked it for jobs, also where it then said that too many wait. */
function noteClaim({ claimers }: Instance, { name, input }: CommandRequest, now: number): void {
  const claim =
    name === "lease.claim" ? input : (input as Partial<CommandInputs["lease.settle"]>).claim;
  if (claim === undefined || !name.startsWith("lease.")) return;
  const { kinds = ["payload"], capabilities = [] } = claim as CommandInputs["lease.claim"];
  claimers.set(JSON.stringify([kinds, capabilities]), now);
}

/** Whether a command is decided in a group, and waits for one. */
const isGrouped = (name: CommandName): boolean =>
  commands[name].access === "write" && !own.includes(name);

/** The world as the post needs it. */
interface Served {
  readonly auditor: Auditor;
  readonly coverage: Coverage;
  readonly disk: Disk;
  readonly isExcused: boolean;
  readonly isAlarmSure: boolean;
  /** Whom jobs are pushed to. */
  readonly target: { readonly isPushedTo: boolean };
  readonly channels: { readonly isAtWork: boolean; readonly claims: readonly ClaimInput[] };
  now(): number;
  wake(): Promise<Instance>;
  settle(): Promise<void>;
}

export class Post {
  readonly #world: Served;
  readonly #reader: Reader;
  readonly #digest: Hash = createHash("sha256");
  readonly #deliveries = new WeakMap<CommandRequest, Delivery>();
  readonly #underway = new Set<Delivery>();

  constructor(world: Served) {
    this.#world = world;
    this.#reader = new Reader(world);
  }

  deliveryOf(request: CommandRequest): Delivery | undefined {
    return this.#deliveries.get(request);
  }

  /** Whether a delivery was ever asked for. */
  isPushAsked = false;

  /** How many requests wait for an answer. */
  get underway(): number {
    return this.#underway.size;
  }

  /** The digest of all that was answered, and of the tables that are left. */
  digest(tables: object): string {
    return this.#digest.copy().update(JSON.stringify(tables)).digest("hex");
  }

  /** Hands a request to an instance, as the network does. */
  async deliver(call: Call, isReplyLost: boolean, to?: Instance): Promise<void> {
    const instance = to ?? (await this.#world.wake());
    const request = unpack(pack(call.request));
    if (request.name === "delivery.put") this.isPushAsked = true;
    const delivery = {
      ...{ call, instance, isReplyLost, isBusy: this.#isBusy(request, instance) },
      position: 0,
      decided: undefined,
    };
    this.#deliveries.set(request, delivery);
    this.#underway.add(delivery);
    this.#ask(delivery, request).then(
      (answer) =>
        this.#world.auditor.watch(() => this.#answered(delivery, unpackAnswer(packAnswer(answer)))),
      (error: unknown) => this.#world.auditor.watch(() => this.#failed(delivery, error)),
    );
    instance.isAwake = true;
    await this.#world.settle();
  }

  /** Whether too many wait already; undefined where that cannot be told, since the queue itself has commands among them. */
  #isBusy({ name }: CommandRequest, instance: Instance): boolean | undefined {
    if (!isGrouped(name)) return false;
    if (this.waitingFor(instance) >= small.pendingCommandsMax) return true;
    const { auditor, target, channels } = this.#world;
    const pushes = target.isPushedTo || auditor.state.queue?.delivery !== undefined;
    return pushes || channels.isAtWork ? undefined : false;
  }

  /** How many commands wait for this instance to decide them in a group. */
  waitingFor(instance: Instance): number {
    const waiting = [...this.#underway].filter(
      (each) =>
        each.instance === instance &&
        each.decided === undefined &&
        each.isBusy !== true &&
        isGrouped(each.call.request.name),
    );
    return waiting.length;
  }

  #ask(delivery: Delivery, request: CommandRequest): Promise<CommandAnswer> {
    const { instance } = delivery;
    if (commands[request.name].access === "read") {
      const answer = instance.engine.read(request);
      if (!instance.isOver) this.#world.auditor.watch(() => this.#reader.expect(delivery, request));
      return answer;
    }
    if (request.name === "snapshot.import" && !instance.isOver) {
      const { input } = request as CommandRequest<"snapshot.import">;
      this.#world.auditor.watch(() => this.#world.auditor.imports.asked(delivery, input));
    }
    noteClaim(instance, request, this.#world.now());
    return submit(request, instance, () => instance.engine.submit(request));
  }

  #answered(delivery: Delivery, answer: CommandAnswer): void {
    const { call, instance, decided, position } = delivery;
    if (instance.isDead) return;
    const end = endOf(answer);
    same(
      "busy",
      "refused because too many wait",
      end === "busy",
      delivery.isBusy ?? end === "busy",
    );
    if (end === "busy") {
      this.#end(delivery, answer);
      return;
    }
    demand(!instance.isOver, "fencing", "a superseded instance spoke", call.request, answer);
    const { name } = call.request;
    demand(decided !== undefined, "reply", "answered without a decision", call.request, answer);
    const isEarly = this.#world.disk.durable < position;
    demand(!isEarly, "durability", `${name} was answered too early`, answer);
    // What was decided in the auditor's sight was compared then, and is the same text now.
    if (decided?.judge !== undefined) {
      decided.judge(answer);
    } else if ("reply" in answer && decided?.text !== undefined) {
      same("reply", "what was decided", answer.reply, decided.text);
    } else {
      same("reply", name, this.#withoutCursor(delivery, answer), decided?.expected);
    }
    this.#end(delivery, answer);
  }

  /** A list's answer less its cursor, which is remembered by what it stands for. */
  #withoutCursor(delivery: Delivery, answer: CommandAnswer): unknown {
    const shown = toModel(answer);
    if (!("reply" in shown) || !sealed.includes(delivery.call.request.name)) return shown;
    const { cursor, ...reply } = shown.reply as { readonly cursor?: string };
    const meaning = delivery.decided?.cursor;
    same("reply", "a page has a cursor", cursor !== undefined, meaning !== undefined);
    if (cursor !== undefined && meaning !== undefined) this.#reader.remember(cursor, meaning);
    return { reply };
  }

  #failed(delivery: Delivery, error: unknown): void {
    const { instance, call } = delivery;
    const isExplained = instance.isOver || this.#world.isExcused;
    demand(isExplained, "fault", "a request failed for no reason", call.request, String(error));
    this.#end(delivery, undefined);
  }

  #end(delivery: Delivery, answer: CommandAnswer | undefined): void {
    const { call, isReplyLost } = delivery;
    if (!this.#underway.delete(delivery)) return;
    const end = answer === undefined ? "unknown" : endOf(answer);
    this.#world.coverage.command(call.request.name, end);
    if (answer !== undefined && "reply" in answer && answer.reply.includes('"imported":')) {
      this.#world.coverage.command(call.request.name, "taken in");
    }
    for (const code of answer === undefined ? [] : codesOfItems(answer)) {
      this.#world.coverage.command(call.request.name, `item ${code}`);
    }
    this.#digest.update(
      `${call.number} ${end} ${answer && "reply" in answer ? answer.reply : ""}\n`,
    );
    if (call.isOver) return;
    if (isReplyLost) this.#world.coverage.fault("reply lost");
    call.isOver = true;
    call.onEnd(isReplyLost ? undefined : answer);
  }

  /** Nobody will hear from an instance any more. */
  endAll(instance: Instance | undefined): void {
    if (instance === undefined) return;
    for (const delivery of this.#underway) {
      if (delivery.instance === instance) this.#end(delivery, undefined);
    }
  }
}
