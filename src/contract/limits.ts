/**
 * Every limit of Sluice, in one table, each with its unit in its name and its reason beside it.
 * Invariant: the relations between limits hold, asserted when this module loads.
 */
import { redisLimits } from "./redis-limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

export const limits = {
  /** A request body. One command never needs more, and it must fit one log entry (asserted below). */
  bodyBytesMax: MiB,
  /** A job's payload, in the UTF-8 bytes the user sent. */
  payloadBytesMax: 256 * KiB,
  /** A job's result, in the UTF-8 bytes the user sent. */
  resultBytesMax: 256 * KiB,
  /** UTF-16 units of a payload, a result or a string that stands in its row: a longer one stands apart, and is not written anew with it. */
  textInRowMax: 4096,
  /** The error text of a failed attempt: kept for each of the last attempts, so it must stay small. */
  errorBytesMax: KiB,
  /** A progress value, in the UTF-8 bytes the user sent: rewritten often. */
  progressBytesMax: KiB,
  /** A reason given for a pause or a cancel. */
  reasonBytesMax: KiB,

  /** How long an HTTP request may wait; over a socket there is no end. */
  waitMsMax: 60 * SECOND_MS,
  /** What a wait says, and the ids of jobs it is given: both stand in the socket's attachment (asserted below). */
  waitBytesMax: 8000,
  /** Jobs that a claim which waited is given at once. */
  jobsPerWaitMax: 100,
  /** Jobs that a channel may be sent ahead of its next word. */
  channelCreditMax: 1000,
  /** Deliveries of a channel that it has not said to have: each stands in its socket's attachment. */
  deliveriesMax: 64,
  /** A channel of which nothing was heard for so long, not even a ping, is taken for gone when it would be sent jobs. */
  channelSilentMsMax: 60 * SECOND_MS,
  /** The secret of a session: at least 128 bits, in base64url or hex. */
  sessionCharsMin: 22,
  sessionCharsMax: 128,
  /** The platform's bound for what a socket keeps while its object sleeps. */
  attachmentBytesMax: 16_384,

  /** Jobs of one enqueue. */
  jobsPerEnqueueMax: 1000,
  /** Jobs of one claim. */
  jobsPerClaimMax: 1000,
  /** Items of one settle. */
  itemsPerSettleMax: 1000,
  /** Ids of one redrive by id: more is done by filter, as an operation. */
  idsPerRedriveMax: 1000,

  /** Lower runs first. The bounds let the sign be folded into an ordered integer key. */
  priorityMin: -1000,
  priorityMax: 1000,
  /** Delays, times to live and retention: beyond ten years is a mistake. */
  delayMsMax: 3650 * DAY_MS,
  /** How long a release may hold its key, with all its jobs: beyond a day it is a mistake, as seconds taken for milliseconds are. */
  holdKeyMsMax: DAY_MS,
  /** The last millisecond of the year 9999: what every date library and the format of RFC 3339 can say. */
  instantMax: 253_402_300_799_999,
  /** An alarm is set at most this far ahead, since the platform takes no date after 2189; it fires and is set again. */
  alarmAheadMsMax: 365 * DAY_MS,
  /** The shortest interval of a schedule: finer than an alarm keeps pace with would only pile up. */
  everyMsMin: SECOND_MS,
  /** A cron expression; it is parsed in time that grows with its length. */
  cronCharsMax: 256,
  /** The longest IANA name has 32 characters. */
  timeZoneCharsMax: 64,
  leaseMsMin: SECOND_MS,
  leaseMsMax: 12 * HOUR_MS,
  attemptsMax: 32,
  /** `attempts[]` of a job keeps the newest ones; older ones are only counted. */
  attemptsKeptMax: 32,
  /** Delays of a `list` backoff: one for each possible retry. */
  backoffDelaysMax: 32,

  labelsPerJobMax: 16,
  labelNameCharsMax: 64,
  labelValueCharsMax: 256,
  requiresPerJobMax: 16,
  capabilitiesPerClaimMax: 256,
  /** Names of flow keys, and of what a job is the only one of. */
  flowKeyCharsMax: 128,
  uniqueKeyCharsMax: 256,
  /** Keys that say something for themselves; keys that only have jobs are not counted. */
  keysMax: 100_000,
  concurrencyMax: 1_000_000,
  rateMax: 1_000_000_000,
  ratePerMsMax: 365 * DAY_MS,
  /** How long a token bucket may take to fill: the time that was used lies no further ahead. */
  rateFillMsMax: 3650 * DAY_MS,
  /** Jobs of one turn: more would be no turn. */
  weightMax: 1000,
  /** Jobs that one job may wait for. */
  parentsPerJobMax: 1000,
  /** With how many of them a job's own row counts how many it still waits for: one that names more is not written anew for each. */
  parentsCountedInRowMax: 16,
  /** Distinct (kind, requires) sets that may wait at once: a claim looks at each of them. */
  lanesMax: 1024,
  /** Plans, in AGQ's limits: tasks of a plan, arguments of a task, characters of one, seconds that it may take. */
  tasksPerPlanMax: 100,
  argumentsPerTaskMax: 100,
  argumentCharsMax: 65_536,
  taskTimeoutSecsMax: 3600,
  planDescriptionCharsMax: 1024,
  /** Versions of one plan, also over its removal: to begin anew, it needs another id. */
  planVersionsMax: 10_000,
  /** Plans whose numbers one entry of an import keeps (asserted below). */
  planNumbersPerEntryMax: 5000,
  /** Versions that a plan shows of its lineage. */
  lineageShownMax: 100,
  globCharsMax: 256,
  /** What is kept of a task's standard output, and of its standard error. */
  taskOutputBytesMax: 64 * KiB,

  schedulesMax: 100_000,
  /** Payload or inputs of a schedule, in the UTF-8 bytes the user sent: they stand in its row. */
  scheduleBytesMax: 256 * KiB,
  /** Slots that were missed and are caught up one by one, from the oldest; what is more is left out. */
  catchUpSlotsMax: 1000,
  previewSlotsMax: 1000,

  workerTtlMsMin: SECOND_MS,
  workerTtlMsMax: HOUR_MS,
  workerInfoCharsMax: 1024,
  /**
   * The names of what a registered worker can do, all together, each with what it takes beside its characters: ten thousand workers are kept
   * in memory. AGW may name a hundred tools of 64 characters (asserted below).
   */
  workerCapabilityBytesMax: 10 * KiB,
  capabilityOverheadBytes: 24,
  /** Workers that are registered at once, and those that died lately. */
  workersMax: 10_000,
  /** How long a worker that died is still shown. */
  deadWorkerKeptMs: DAY_MS,

  /** Where jobs are pushed to. */
  targetCharsMax: 2048,
  /** Two: the one in use, and the one before or after it. */
  deliverySecretsMax: 2,
  /** The platform keeps six connections open at once; more deliveries would wait for one with their time running. */
  deliveriesAtOnceMax: 6,
  deliveryTimeoutMsMin: SECOND_MS,
  deliveryTimeoutMsMax: 15 * 60 * SECOND_MS,
  /** What `Retry-After` may ask for. */
  retryAfterMsMax: DAY_MS,

  idempotencyKeyCharsMax: 255,
  workerCharsMax: 128,
  tokenCharsMax: 64,

  /** A list or claim reply stops here but holds at least one job. Far below the platform's 32 MiB of an RPC reply. */
  replyBytesMax: 4 * MiB,
  /** Sets of requirements that the statistics tell of: they are asked for often. */
  unclaimableBytesMax: 256 * KiB,
  /** Jobs of one page of a list, and rows a page may look at to find them. */
  pageJobsMax: 1000,
  pageScanMax: 5000,
  /** Characters of the rows that a page looks at, shown or not: an object has 128 MB of memory. */
  pageScanUnits: 16 * MiB,

  /** One log entry: keys, events and texts together. A row may have 2,000,000 bytes in production. */
  entryBytesMax: 1.5 * MiB,
  /** What an event and its kept answer may add to the bytes that the user sent for it. */
  entryOverheadPerItemBytes: 400,
  /** UTF-16 units of texts that are read for one entry, or told of it, behind which others have their turn: 3 to 10 ms a million. */
  entryUnitsReadMax: 4 * MiB,
  /** A row of a table: 2,000,000 in production, less what SQLite adds. */
  rowBytesMax: 1_900_000,
  /** The JSON of a job's row without its texts: history, labels, requirements, reasons. */
  jobValueBytesMax: 430_000,
  /** The JSON of a key's row: a lane for each set of requirements, and what was said of it. */
  keyValueBytesMax: 200_000,
  /** Turns that a claim looks up at once: as many as it wants jobs, within these. A round of no more is looked up once. */
  turnsAheadMin: 8,
  turnsAheadMax: 64,

  /** Due jobs that one sweep makes visible before a command. */
  sweepMax: 500,
  /** It goes this many at a time, and stops where their texts ask for a checkpoint. */
  sweepStepMax: 50,
  /** It stops once its entry has so many bytes, which leaves room for the largest slot of a schedule (asserted below). */
  sweepBytesMax: 512 * KiB,
  /** Jobs that hear with the event itself that one they wait for has ended: as many as one request may enqueue behind it. */
  releasedMax: 1000,
  /** Jobs that one step of an operation looks at or changes. */
  operationStepMax: 1000,
  /** Bytes of the texts of the jobs that one step looks at: an object has 128 MB of memory. */
  operationStepTextBytes: 8 * MiB,
  /** Finished operations that are kept for `GET …/operations/{id}`. */
  operationsKeptMax: 100,

  /** Commands that wait for a group, per queue: beyond it the queue answers 429. */
  pendingCommandsMax: 4096,
  pendingBytesMax: 32 * MiB,

  /** A checkpoint is due after this much log: an object that wakes reads it again. */
  checkpointTailBytes: 3 * MiB,
  /** Only a cap; the bytes are meant to decide. */
  checkpointTailEntries: 50_000,
  /**
   * One is due before, after this much log and this long behind the last, where it writes no more rows than that to their tables. Where more log comes in that
   * time, much is written, or a backlog grows, which no list is to hold.
   */
  checkpointEasyTailBytes: MiB / 2,
  checkpointEasyTailBytesMax: (3 * MiB) / 4,
  checkpointEasyMs: 1_000,
  checkpointEasyRows: 16,
  /** Changed rows, at 1 to 2 µs each while the queue waits; a row to delete costs half. Jobs that come and go do not count. */
  checkpointDirtyRows: 25_000,
  /** Changed rows of a table of small ones that a checkpoint leaves in a list, of 30 to 200 bytes each: it is added to. */
  pendingRowsMax: 16_384,
  /** The same of jobs and of what follows from them: more than workers hold at once, fewer than a backlog grows by between two checkpoints. */
  pendingJobsMax: 8192,
  /** UTF-16 units of texts in such a list: jobs with long payloads are written to their table at once. */
  pendingTextUnits: 2 * MiB,
  /** Rows changed since an alarm is at work, before it takes a checkpoint of its own; and how many this writes of each table with a list. */
  checkpointAlarmRows: 500,
  /** UTF-16 units of texts that wait in memory for the checkpoint, or for which it has to free pages: 1 to 2 ms a million. */
  checkpointTextUnits: 16 * MiB,

  /** A log segment is sealed at a checkpoint once it has this many bytes or keys; the log is dropped by segments. */
  segmentBytes: 5 * MiB,
  /** The hashes of a segment's keys are one row, of 12 bytes a key (asserted below). */
  segmentKeys: 100_000,
  /** The log is kept this long, or until it has this many bytes: the window of idempotency keys. */
  logAgeMsMax: DAY_MS,
  logBytesMax: 256 * MiB,

  /** A chunk of a snapshot: one stored row, unless a single line is larger. */
  snapshotChunkBytes: 1_000_000,
  /** Rows that one turn of a build or an import takes, about 10 µs each. */
  snapshotStepRows: 512,
  /** Bytes of rows with which a turn ends. */
  snapshotStepBytes: 262_144,
  /** An import that nothing was heard of for so long is forgotten. */
  importIdleMsMax: HOUR_MS,

  /** Events of one page of the feed, or of one frame. */
  feedEventsMax: 1000,
  /** What one page may read of the log, and have of text, unless a single entry or event is larger: a few ms of the queue's time. */
  feedPageBytes: 256 * KiB,
  /** Frames that a reader has not acknowledged yet: it is sent no more, and finds the rest in the log. */
  feedFramesMax: 2,
  /** Entries of which a reader wants nothing, before it is told how far they go. */
  feedSilentEntries: 1000,
  /** The greatest place, term, sequence number or count: it fits the nine digits of a generated id (asserted below). */
  sequenceMax: 2 ** 46,
  /** The greatest that a snapshot may bring: no queue comes near, and there is room for as many again. */
  importedSequenceMax: 2 ** 45,
  /** How far a snapshot's last entry may lie ahead of the clock: a queue never goes back in time, so it would wait for that long. */
  importAheadMsMax: DAY_MS,
  /** Operations of a snapshot: they are all held in memory. */
  operationsImportedMax: 10_000,

  /** Problems that one step of a verification tells. */
  verifyProblemsMax: 100,

  ...redisLimits,

  /** Storage of a queue: the platform's 10 GB less room to work. Past it no job is taken, whatever `maxBytes` says. */
  databaseBytesMax: 9_500_000_000,
} as const;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`limits.ts: ${relation} does not hold`);
}

assertRelation(
  limits.bodyBytesMax + limits.jobsPerEnqueueMax * limits.entryOverheadPerItemBytes <=
    limits.entryBytesMax,
  "the largest command fits one log entry",
);
assertRelation(limits.entryBytesMax < limits.rowBytesMax, "an entry fits a row");
// A slot's jobs are alike, and one event of an entry states only what differs from the one before it.
assertRelation(
  limits.sweepBytesMax +
    limits.scheduleBytesMax +
    2 * limits.jobsPerEnqueueMax * limits.entryOverheadPerItemBytes <
    limits.rowBytesMax,
  "a sweep's entry has room for one more slot, and for the jobs that it replaces",
);
// A plan's id has 64 characters.
assertRelation(
  limits.planNumbersPerEntryMax * (64 + 60) +
    limits.operationStepMax * limits.entryOverheadPerItemBytes <
    limits.entryBytesMax,
  "the entry of an import holds numbers of plans beside the first jobs that it gives back",
);
assertRelation(
  100 * (64 + limits.capabilityOverheadBytes) <= limits.workerCapabilityBytesMax,
  "a worker of AGQ's may name as many tools as it can",
);
assertRelation(limits.segmentKeys * 12 < limits.rowBytesMax, "a sealed segment's keys fit a row");
assertRelation(
  limits.payloadBytesMax + limits.resultBytesMax < limits.rowBytesMax / 2,
  "a job's texts fit a row with room for its value",
);
assertRelation(
  // An id has 64 characters.
  2 * limits.waitBytesMax < limits.attachmentBytesMax &&
    limits.jobsPerWaitMax * (64 + 3) + 200 < limits.waitBytesMax &&
    // A delivery has a number, a token and a count.
    limits.deliveriesMax * 100 + 500 < limits.attachmentBytesMax - limits.waitBytesMax,
  "what a waiter waits for fits its socket's attachment, and so do the jobs that it is given",
);
assertRelation(limits.payloadBytesMax < limits.replyBytesMax, "a reply holds at least one job");
assertRelation(limits.attemptsMax <= limits.backoffDelaysMax, "a list names a delay per retry");
// A character of JSON takes up to six times the byte it stands for (\u0001).
assertRelation(
  limits.attemptsKeptMax * 6 * (limits.errorBytesMax + limits.workerCharsMax + 32) +
    limits.labelsPerJobMax * (limits.labelNameCharsMax + 6 * limits.labelValueCharsMax) +
    (limits.requiresPerJobMax + limits.tasksPerPlanMax) * 260 +
    limits.parentsPerJobMax * 80 +
    6 * (limits.flowKeyCharsMax + limits.uniqueKeyCharsMax) +
    6 * (limits.errorBytesMax + limits.reasonBytesMax + limits.progressBytesMax) +
    10_000 <
    limits.jobValueBytesMax,
  "the value of a job's row is bounded",
);
assertRelation(
  limits.jobValueBytesMax + limits.payloadBytesMax + limits.resultBytesMax < limits.rowBytesMax,
  "a job fits a row",
);
// In JSON, a text that is JSON already doubles at most: it has no control characters left to escape.
assertRelation(
  limits.jobValueBytesMax + 2 * (limits.payloadBytesMax + limits.resultBytesMax) + 10_000 <
    limits.rowBytesMax,
  "a line of a snapshot fits a row",
);
assertRelation(
  limits.lanesMax * 150 + 6 * limits.reasonBytesMax + 2000 < limits.keyValueBytesMax,
  "the value of a key's row is bounded",
);
assertRelation(limits.snapshotChunkBytes < limits.rowBytesMax, "a chunk fits a row");
assertRelation(
  2 * limits.importedSequenceMax <= limits.sequenceMax && limits.sequenceMax < 36 ** 9,
  "behind any import, generated ids sort in the order in which they are given",
);

assertRelation(
  // A character may be of two bytes, as storage has it.
  2 * limits.respKeptCharsMax < limits.attachmentBytesMax &&
    3 * limits.respNameCharsMax + limits.agqToolsCharsMax + 900 < limits.respKeptCharsMax,
  "a Redis connection fits its socket's attachment",
);
