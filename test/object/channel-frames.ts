/**
 * What a channel says to a worker, as tests of the engine and of workerd look at it.
 * Invariant: types alone, so that either runtime can have them.
 */
import type { ClaimedJob } from "../../src/contract/leases.ts";

/** A frame that a worker was sent, as far as tests look at it. */
export interface Sent {
  readonly type: string;
  readonly delivery?: number;
  readonly frame?: number;
  readonly jobs?: readonly ClaimedJob[];
  readonly resumed?: readonly { readonly id: string; readonly token: string }[];
  readonly items?: readonly {
    readonly id: string;
    readonly ok: boolean;
    readonly repeated?: boolean;
    readonly token?: string;
    readonly leaseUntil?: number;
    readonly problem?: { readonly code: string; readonly reason?: string };
  }[];
  readonly problem?: { readonly code: string };
}
