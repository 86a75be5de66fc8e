/**
 * What a crash run writes down: every exchange with the server, its exact time window, and what came of it.
 * Invariant: an exchange is written down once it is over; "unknown" means that it may have happened, "refused" that it has not.
 */

/** One job of an enqueue. Its mark is in its payload, so that it is known again under whatever id. */
export interface JobAsk {
  readonly mark: number;
  readonly id?: string;
  readonly delayMs?: number;
  readonly priority?: number;
  readonly maxAttempts?: number;
  readonly requires?: readonly string[];
  readonly idempotencyKey?: string;
  /** Characters that make its payload longer. */
  readonly padding?: number;
}

/** What a claim asks for, alone or behind a settlement. */
export interface ClaimAsk {
  readonly worker: string;
  readonly max: number;
  readonly leaseMs: number;
  readonly capabilities?: readonly string[];
}

interface Held {
  readonly id: string;
  readonly token: string;
}
/** A result names the lease that completed the job, an error the request that failed it. */
export type Item =
  | ({ readonly op: "complete"; readonly result: { readonly by: string } } & Held)
  | ({
      readonly op: "fail";
      readonly error: string;
      readonly retryable?: boolean;
      readonly delayMs?: number;
    } & Held)
  | ({ readonly op: "release"; readonly delayMs?: number } & Held)
  | ({ readonly op: "extend"; readonly leaseMs: number } & Held);

export type Ask =
  | { readonly kind: "enqueue"; readonly jobs: readonly JobAsk[] }
  | { readonly kind: "claim"; readonly claim: ClaimAsk }
  | { readonly kind: "settle"; readonly items: readonly Item[]; readonly claim?: ClaimAsk }
  | PushAsk
  | { readonly kind: "checkpoint" };

/** A delivery over a channel: as a claim that asked for what it brought. */
export interface PushAsk {
  readonly kind: "push";
  readonly claim: ClaimAsk;
  /** Whether its number was behind that of the one before. */
  readonly isNext: boolean;
  /** Whether some credit that the worker had said allows it. */
  readonly isAllowed: boolean;
}

interface Refused {
  readonly problem: { readonly code: string };
}
export type EnqueueResult = { readonly id: string; readonly deduplicated?: true } | Refused;
export type Settled =
  | {
      readonly id: string;
      readonly ok: true;
      readonly state: string;
      readonly repeated?: true;
      readonly late?: true;
      readonly leaseUntil?: number;
      readonly runAt?: number;
    }
  | ({ readonly id: string; readonly ok: false } & Refused);
export interface Claimed extends Held {
  readonly leaseUntil: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly deliveries: number;
  readonly priority: number;
  readonly createdAt: number;
}

/** The server's answer, of which only what the checks look at is kept. `now` is the server's time. */
export interface Reply {
  readonly now: number;
  readonly results?: readonly EnqueueResult[];
  readonly items?: readonly Settled[];
  readonly jobs?: readonly Claimed[];
}

export type Outcome =
  | { readonly kind: "answered"; readonly reply: Reply }
  | { readonly kind: "refused"; readonly status: number; readonly code: string }
  | { readonly kind: "unknown"; readonly why: string };

/** One try of a request: the tries of one request say the same, under one Idempotency-Key. */
export interface Exchange {
  readonly round: number;
  readonly actor: string;
  readonly request: string;
  readonly ask: Ask;
  /** By the clock of the crew, which never goes back, in milliseconds. */
  readonly sentAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
}

/** A job as it was found in the end. */
export interface FinalJob {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly deliveries: number;
  readonly priority: number;
  readonly createdAt: number;
  readonly attempts?: readonly { readonly outcome: string; readonly error?: string }[];
  readonly payload: { readonly mark: number };
  readonly result?: { readonly by: string };
}

/** What was found when everything had ended. */
export interface Final {
  /** All jobs, by pages. */
  readonly jobs: readonly FinalJob[];
  /** The ids that the list of each state gave. */
  readonly idsByState: Readonly<Record<string, readonly string[]>>;
  /** What the statistics say of each state, and of the bytes kept. */
  readonly counts: Readonly<Record<string, number>>;
  readonly jobBytes: number;
  /** The bytes of payloads and results in the list. */
  readonly listedBytes: number;
}

/** Something that must not be, with the exchanges that show it. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly exchanges: readonly Exchange[];
}
