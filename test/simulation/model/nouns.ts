/**
 * What the auditor knows of plans, actions, workers and schedules: plain records, as `state.ts` has them of jobs.
 * Invariant: what a recount of jobs gives is not kept here; a record is replaced, never changed.
 */
/** A version of a plan: never changed. */
export interface PlanVersion {
  readonly version: number;
  readonly createdAt: number;
  readonly parent?: number | undefined;
  readonly body: string;
  readonly tasks: number;
  readonly commands: readonly string[];
  readonly fields: readonly string[];
}

export interface Plan {
  readonly latest: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly description?: string | undefined;
  readonly tasks: number;
  /** Actions and jobs that it was ever used for. */
  readonly actions: number;
  readonly jobs: number;
  readonly lastUsedAt?: number | undefined;
  /** Versions up to this number were given in states that imports replaced. */
  readonly numbered?: number | undefined;
  /** It is gone, but for the number that its next version comes behind. */
  readonly removedAt?: number | undefined;
  readonly versions: readonly PlanVersion[];
}

/** What a task of a job came to, and in which attempt. */
export interface Report {
  readonly run: number;
  readonly delivery: number;
  readonly reportedAt: number;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut?: true | undefined;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  readonly stdoutBytes?: number | undefined;
  readonly stderrBytes?: number | undefined;
  readonly stdoutTruncated?: true | undefined;
  readonly stderrTruncated?: true | undefined;
  readonly startedAt?: number | undefined;
  readonly durationMs?: number | undefined;
}

export interface Action {
  readonly plan: string;
  readonly planVersion: number;
  readonly firstJob: string;
  readonly lastJob: string;
  readonly total: number;
  readonly round: number;
  readonly createdAt: number;
  readonly fingerprint?: string | undefined;
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
  readonly ended?: {
    readonly at: number;
    readonly status: "completed" | "failed" | "cancelled";
    /** When its retention began, where that was not at its end. */
    readonly shelvedAt?: number | undefined;
  };
}

export interface Worker {
  readonly capabilities: readonly string[];
  readonly kinds: readonly ("payload" | "plan")[];
  readonly ttlMs: number;
  readonly slots?: number | undefined;
  readonly info?: string | undefined;
  readonly registeredAt: number;
  readonly seenAt: number;
  readonly drainingAt?: number | undefined;
  readonly diedAt?: number | undefined;
  readonly leftAt?: number | undefined;
}

export interface Schedule {
  readonly definition: Definition;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly pausedAt?: number | undefined;
  readonly nextAt?: number | undefined;
  readonly lastSlotAt?: number | undefined;
  readonly lastJob?: string | undefined;
  readonly lastAction?: string | undefined;
  readonly fired: number;
  readonly skipped: number;
  readonly refused?: string | undefined;
  /** Slots that were caught up in a row. */
  readonly behind: number;
}

/** What a schedule is: when it is due, and what it then makes. */
export interface Definition {
  readonly timing: Timing;
  readonly catchUp: "one" | "all";
  readonly overlap: "allow" | "skip" | "replace";
  readonly endAt?: number | undefined;
  readonly job?: (Made & { readonly payload: string; readonly plan?: string }) | undefined;
  readonly action?:
    | (Made & { readonly plan: string; readonly inputs: readonly string[] })
    | undefined;
}
interface Made {
  readonly planVersion?: number;
  readonly version?: number;
}
export type Timing =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly everyMs: number; readonly startAt?: number }
  | { readonly at: number };
