/**
 * The invariants of long texts, which stand apart from the rows of their jobs, checked by plain recounting.
 * Invariant: nothing here shares code with the writers it checks.
 */
import type { JobRow } from "../src/store/jobs.ts";
import type { SluiceTables } from "../src/store/schema.ts";
import { fail, same } from "./differences.ts";

type Jobs = ReadonlyMap<string, JobRow>;

/** A job's payload and result, wherever they stand. */
export function textsOf(
  { job_texts }: Pick<SluiceTables, "job_texts">,
  { payload, payloadAt, result, resultAt }: JobRow,
): { readonly payload: string | undefined; readonly result: string | undefined } {
  const textAt = (number: number) => job_texts.get([number])?.text;
  return {
    payload: payloadAt === undefined ? payload : textAt(payloadAt),
    result: resultAt === undefined ? result : textAt(resultAt),
  };
}

/** A job with its texts in it, wherever they stand. */
export function withTexts(tables: Pick<SluiceTables, "job_texts">, job: JobRow): JobRow {
  const { payloadAt: _, resultAt: __, resultBytes: ___, ...row } = job;
  return { ...row, ...textsOf(tables, job) };
}

/** Each text is of one job, which has no other in its place. Returns the bytes of all. */
export function checkTexts(tables: SluiceTables, jobs: Jobs): number {
  const named: number[] = [];
  let bytes = 0;
  for (const [id, job] of jobs) {
    for (const at of [job.payloadAt, job.resultAt]) if (at !== undefined) named.push(at);
    const isDouble = job.payloadAt !== undefined && job.payload !== undefined;
    if (isDouble || (job.resultAt !== undefined && job.result !== undefined)) {
      fail("I11", `job ${id} has a text in two places`, job);
    }
    const { payload, result } = textsOf(tables, job);
    if (payload === undefined) fail("I1", `job ${id} has no payload`, job);
    const size = Buffer.byteLength(payload);
    if (size !== job.payloadBytes) fail("I11", `job ${id}: its payload has another size`, job);
    const resultSize = Buffer.byteLength(result ?? "");
    if ((job.resultBytes ?? resultSize) !== resultSize) {
      fail("I11", `job ${id}: its result has another size`, job);
    }
    bytes += size + resultSize;
  }
  const kept = [...tables.job_texts.scan({})].map(([[number]]) => number);
  same(
    "I11",
    "the texts that stand apart",
    kept,
    named.sort((a, b) => a - b),
  );
  return bytes;
}
