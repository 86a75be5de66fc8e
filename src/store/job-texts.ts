/**
 * Long texts of jobs, apart from the rows of these: each change of a job's state writes its row anew, and who looks at that rarely wants
 * the texts.
 * Invariant: a text is named by the row of one job alone, and goes once that names it no more.
 */
import { utf8Bytes } from "../contract/fields.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import { type JobRow, jobs } from "./jobs.ts";
import { integer } from "./key-columns.ts";
import { required } from "./row.ts";
import type { Reads, SluiceTables } from "./schema.ts";

export interface JobTextRow {
  readonly text: JsonText;
}

export const job_texts = declareTable<JobTextRow>()({
  name: "job_texts",
  version: 1,
  key: [integer("number")],
  texts: ["text"],
  required: ["text"],
  byRowid: true,
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 10,
});

type Texts = Pick<Reads, "job_texts">;
type Writable = Pick<SluiceTables, "job_texts">;

/** A job's texts, wherever they stand: undefined where there is none, and where damage has taken one. */
export function textsOf(tables: Texts, job: JobRow): Pick<JobRow, "payload" | "result"> {
  const { payload, payloadAt, result, resultAt } = job;
  return {
    payload: payloadAt === undefined ? payload : textAt(tables, payloadAt),
    result: resultAt === undefined ? result : textAt(tables, resultAt),
  };
}

const textAt = (tables: Texts, number: number): JsonText | undefined =>
  tables.job_texts.get([number])?.text;

/** The payload of a job, for whoever is to see it. Throws RowUnreadable where it is gone. */
export function payloadOf(tables: Texts, { payload, payloadAt }: JobRow): JsonText {
  const text = payloadAt === undefined ? payload : textAt(tables, payloadAt);
  return required(jobs.name, "payload", text);
}

/** The result of a job, where it has one. Throws RowUnreadable where that is gone. */
export function resultOf(tables: Texts, { result, resultAt }: JobRow): JsonText | undefined {
  if (resultAt === undefined) return result;
  return required(jobs.name, "result", textAt(tables, resultAt));
}

/** A job's row with its texts in it, for who shows it when it may be kept no more. */
export function withTexts(tables: Texts, job: JobRow): JobRow {
  if (job.payloadAt === undefined && job.resultAt === undefined) return job;
  return { ...job, ...textsOf(tables, job), ...inRow, ...resultInRow };
}

/** The bytes a job counts for against `maxBytes`. */
export function jobBytes({ payloadBytes, result, resultBytes }: JobRow): number {
  return payloadBytes + (resultBytes ?? (result === undefined ? 0 : utf8Bytes(result)));
}

/** What a row says of a payload, and of a result, that stands in it or is not there. */
const inRow = { payloadAt: undefined } as const;
const resultInRow = { resultAt: undefined, resultBytes: undefined } as const;

const isLong = (text: JsonText): boolean => text.length > limits.textInRowMax;

/**
 * Takes long texts out of a row that is to be written, and forgets those that it names no more. A text that stands in the row is what the
 * job has now, whatever the row names. Their numbers follow from the job's place, which no other job ever has, nor this one in another run.
 */
export function setApart(
  tables: Writable,
  before: JobRow | undefined,
  after: JobRow | undefined,
): JobRow | undefined {
  const row = after && resultApart(tables, payloadApart(tables, before, after));
  const { payloadAt, payloadBytes, resultAt, resultBytes } = before ?? {};
  if (payloadAt !== undefined && payloadAt !== row?.payloadAt) {
    tables.job_texts.remove([payloadAt], payloadBytes);
  }
  if (resultAt !== undefined && resultAt !== row?.resultAt) {
    tables.job_texts.remove([resultAt], resultBytes);
  }
  return row;
}

function payloadApart(tables: Writable, before: JobRow | undefined, after: JobRow): JobRow {
  const { payload, payloadAt, seq } = after;
  if (payload === undefined) return after;
  if (!isLong(payload)) return payloadAt === undefined ? after : { ...after, ...inRow };
  const number = 2 * seq;
  // One that is replaced twice before it runs has its number already.
  if (before?.payloadAt === number) tables.job_texts.put([number], { text: payload });
  else tables.job_texts.insert([number], { text: payload });
  return { ...after, payload: undefined, payloadAt: number };
}

function resultApart(tables: Writable, after: JobRow): JobRow {
  const { result, seq } = after;
  if (result === undefined || !isLong(result)) return after;
  const resultAt = 2 * seq + 1;
  tables.job_texts.insert([resultAt], { text: result });
  return { ...after, result: undefined, resultAt, resultBytes: utf8Bytes(result) };
}
