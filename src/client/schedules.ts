/**
 * The schedules of one queue.
 * Invariant: payloads and inputs are values here, where the wire has their texts.
 */
import type { RemoveReply } from "../contract/jobs.ts";
import type {
  CronTiming,
  IntervalTiming,
  OnceTiming,
  PreviewReply,
  PutScheduleReply,
  ScheduleDefinition,
  ScheduleListInput,
  ScheduleRecord,
  ScheduleReply,
  Timing,
} from "../contract/schedules.ts";
import { segment, type Transport } from "./transport.ts";

type JobOf = NonNullable<ScheduleDefinition["job"]>;
type ActionOf = NonNullable<ScheduleDefinition["action"]>;

/** When a schedule runs: by a cron expression (in UTC unless it names a zone), at an interval, or once. */
export type ScheduleTiming =
  | (Pick<CronTiming, "cron"> & Partial<CronTiming>)
  | IntervalTiming
  | OnceTiming;
/** What a slot makes: a job, or an action of a plan. */
export type ScheduleTarget<Payload = unknown> =
  | { readonly job: Omit<JobOf, "payload"> & { readonly payload?: Payload } }
  | { readonly action: Omit<ActionOf, "inputs"> & { readonly inputs?: readonly unknown[] } };
/** All that a schedule is. */
export type ScheduleInput<Payload = unknown> = ScheduleTiming &
  ScheduleTarget<Payload> &
  Partial<Pick<ScheduleDefinition, "catchUp" | "overlap" | "endAt">>;
/** A schedule as the queue shows it; its `definition` can be put again as it is. */
export type Schedule<Payload = unknown> = Omit<ScheduleRecord, "definition"> & {
  readonly definition: Timing &
    ScheduleTarget<Payload> &
    Pick<ScheduleDefinition, "catchUp" | "overlap" | "endAt">;
};
export interface PutSchedule<Payload = unknown> {
  /** Whether there was none of this id. */
  readonly created: boolean;
  readonly schedule: Schedule<Payload>;
}
export interface SchedulePage<Payload = unknown> {
  readonly now: number;
  readonly schedules: readonly Schedule<Payload>[];
  /** Where the next page begins; absent only at the end. */
  readonly cursor?: string;
}

/**
 * The schedules of a queue.
 * @example
 * await queue.schedules.put("report", { cron: "30 2 * * *", timeZone: "Europe/Berlin", job: { payload: { daily: true } } });
 */
export class Schedules<Payload = unknown> {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = `${queuePath}/schedules`;
  }

  /** Makes a schedule, or changes it to this. As it was, it stays untouched. */
  async put(id: string, schedule: ScheduleInput<Payload>): Promise<PutSchedule<Payload>> {
    const text = JSON.stringify(schedule);
    const reply = await this.#transport.write<PutScheduleReply>("PUT", this.#of(id), text);
    return { created: reply.created, schedule: shown(reply) };
  }

  async get(id: string): Promise<Schedule<Payload>> {
    return shown(await this.#transport.read<ScheduleReply>(this.#of(id)));
  }

  /** One page of schedules, by id; `match` is a pattern with `*` and `?`. */
  list(filter: ScheduleListInput = {}): Promise<SchedulePage<Payload>> {
    return this.#transport.read(this.#path, { ...filter });
  }

  /** Removes a schedule. Jobs and actions that it made stay. */
  async remove(id: string): Promise<void> {
    await this.#transport.write<RemoveReply>("DELETE", this.#of(id));
  }

  /** Forgets the slots that come until it is resumed. */
  pause(id: string): Promise<Schedule<Payload>> {
    return this.#change(id, "pause");
  }

  /** Goes on with the first slot from now. */
  resume(id: string): Promise<Schedule<Payload>> {
    return this.#change(id, "resume");
  }

  /** Does now what it does at a slot; its next slot stays where it is. */
  run(id: string): Promise<Schedule<Payload>> {
    return this.#change(id, "run");
  }

  /** Its next slots (10 unless said), epoch ms; also of one that is paused. */
  async preview(id: string, count?: number): Promise<readonly number[]> {
    const path = `${this.#of(id)}/preview`;
    return (await this.#transport.read<PreviewReply>(path, { count })).slots;
  }

  #of(id: string): string {
    return `${this.#path}/${segment(id)}`;
  }

  async #change(id: string, verb: "pause" | "resume" | "run"): Promise<Schedule<Payload>> {
    const path = `${this.#of(id)}/${verb}`;
    return shown(await this.#transport.write<ScheduleReply>("POST", path));
  }
}

/** The wire's schedule has JSON values where the contract has their texts. */
function shown<Payload>({ schedule }: ScheduleReply): Schedule<Payload> {
  return schedule as unknown as Schedule<Payload>;
}
