/**
 * The text forms of names, ids, tokens and cursors.
 * Invariant: every id and token that Sluice makes carries the queue's random id and the term, so it stays stale after a
 * queue of the same name was created again, or its history was restored.
 */

/** Queue names. */
export const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Job ids, chosen or generated. */
export const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** Requirements of a job and capabilities of a worker; the commands of plans are both. */
export const CAPABILITY = /^[A-Za-z0-9_.:/+-]{1,256}$/;
/** Names of workers that register. */
export const WORKER_NAME = /^[A-Za-z0-9_.:@-]{1,128}$/;
/** Names of labels. */
export const LABEL_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

const base36 = (value: number, width: number): string => value.toString(36).padStart(width, "0");

/** Who and when a queue is: its random id and the epoch of its history. */
export interface QueueIdentity {
  readonly queueId: string;
  readonly term: number;
}

/**
 * Makes the generated job ids of a queue's term: they sort in the order of enqueueing.
 * @example jobIds({ queueId: "k3f9x2ab", term: 1 })(71) // "k3f9x2ab-001-00000001z"
 */
export function jobIds({ queueId, term }: QueueIdentity): (seq: number) => string {
  const prefix = `${queueId}-${base36(term, 3)}-`;
  return (seq) => prefix + base36(seq, 9);
}

/** Whether an id is of those that this queue makes, whether it has made it yet or not. */
export function isGenerated(queue: QueueIdentity, id: string): boolean {
  return id.startsWith(`${queue.queueId}-`);
}

/** An operation's id. */
export function operationId(queue: QueueIdentity, seq: number): string {
  return `${queue.queueId}-${base36(queue.term, 3)}-op${base36(seq, 4)}`;
}

/** A generated action's id. */
export function actionId(queue: QueueIdentity, seq: number): string {
  return `${queue.queueId}-${base36(queue.term, 3)}-ac${base36(seq, 7)}`;
}

/** The fencing token of a lease: strictly greater for every later hand-out within a queue's history. */
export function leaseToken(queue: QueueIdentity, grant: number): string {
  return `${queue.queueId}-${base36(queue.term, 3)}-${base36(grant, 9)}`;
}

/** The grant that a token of this queue names, or undefined for any other text. */
export function grantOf(queue: QueueIdentity, token: string): number | undefined {
  const prefix = `${queue.queueId}-${base36(queue.term, 3)}-`;
  if (!token.startsWith(prefix)) return undefined;
  const text = token.slice(prefix.length);
  if (!/^[0-9a-z]{9,11}$/.test(text)) return undefined;
  const grant = Number.parseInt(text, 36);
  return Number.isSafeInteger(grant) && base36(grant, 9) === text ? grant : undefined;
}
