/**
 * The limits of names and of Redis connections, which `limits.ts` has among all others.
 * Invariant: as there, each has its unit in its name and its reason beside it.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const redisLimits = {
  /** Redis: bytes of a name, of a field or member, and of a value. */
  redisNameBytesMax: KiB,
  redisMemberBytesMax: 64 * KiB,
  redisValueBytesMax: MiB,
  /** Calls of one run: a longer pipeline is several of them. */
  redisCallsMax: 1000,
  redisWatchedMax: 1000,
  /**
   * Bytes of what is published that are held for a reader by HTTP which does not take them: twice the longest message. Each event counts as some at
   * least, for what it costs besides, so that they are 1,024 at most.
   */
  redisEventsBehindBytesMax: 16 * MiB,
  redisEventBytesLeast: 16 * KiB,
  /** Channels and patterns that a connection follows. */
  redisFollowedMax: 1000,
  /** Elements that one call moves, removes or copies, and that it looks at to find others. */
  redisElementsPerCallMax: 10_000,
  /** Elements that the calls of a transaction change between them: half a second to one. */
  redisElementsPerRunMax: 20_000,
  /** Elements that other calls change between them before others have their turn. */
  redisElementsAtOnceMax: 2000,
  redisElementsSeenMax: 100_000,
  /** Bytes of elements and strings that the calls of one run look at: about a tenth of a second. */
  redisBytesSeenMax: 32 * MiB,
  /**
   * Bytes of elements that they write once more: copies, what moves in the middle of a list, and strings of which something else changes.
   * Memory holds them until a checkpoint, each beside what a row costs there.
   */
  redisBytesMovedMax: 8 * MiB,
  redisMovedBytesLeast: 128,
  /** Bytes of elements that one call removes and does not look at: one checkpoint frees them, at 1 to 2 ms a MiB. */
  redisBytesFreedMax: 128 * MiB,
  /** Characters that one call compares once more with patterns, because a `*` takes another one: about half a second. */
  redisComparedAgainMax: 20_000_000,
  /** Bytes that the replies of one run have. */
  redisReplyBytesMax: 8 * MiB,
  /** Bytes of replies behind which a request by HTTP asks the queue for no more: its answer stands in memory as a whole. */
  redisAnswerBytesMax: 16 * MiB,

  /** Arrays and objects within one another in a request by HTTP: what of them is an argument is written again, for which the engine calls itself. */
  redisJsonDepthMax: 1000,

  /** RESP: a line without its end, arguments of a call, and bytes of a call between them. */
  respLineBytesMax: 64 * KiB,
  respArgumentsMax: 100_000,
  respCallBytesMax: 8 * MiB,
  /** Arguments of a call of who has still to show the token, and bytes of each: so Redis has it. */
  respStrangerArgumentsMax: 10,
  respStrangerArgumentBytesMax: 16 * KiB,
  /** Calls of one connection that wait for their turn, and their bytes: what is more closes it. */
  respPendingCallsMax: 20_000,
  respPendingBytesMax: 16 * MiB,
  /** Bytes of calls that are not performed yet, of all connections of a queue: what is more ends the connection that has most of it. */
  respHeldBytesMax: 64 * MiB,
  /**
   * Bytes of replies that a client has not taken, behind which its next calls wait: on a way of 100 ms that is 80 MB a second. The replies of one run
   * may come on top.
   */
  respWindowBytes: 8 * MiB,
  /**
   * Bytes that a client has not taken which end its connection: what is published does not wait for it. It is what Redis allows a subscriber. As they
   * come to that between them, all who say what they take have narrower windows.
   */
  respUntakenBytesMax: 32 * MiB,
  /** Bytes that a client may have taken and not said so: no window is narrower. */
  respUnsaidBytesMax: 64 * KiB,
  /** Bytes of the calls of one run: a pipeline of more is several. One call may be larger by itself. */
  respRunBytesMax: 512 * KiB,
  /** Aggregates within aggregates, in what the bridge reads. */
  respNestingMax: 32,
  /** How long a connection keeps its object awake by what does not fit its attachment, without a word. */
  respHeldMsMax: 60_000,
  /** A connection's name, and those of its library: they stand in the attachment. */
  respNameCharsMax: KiB,
  /** The names of an AGQ worker's tools, as they stand there: of a worker with longer ones it is remembered that it has some. */
  agqToolsCharsMax: 4000,
  /** What stands in a connection's attachment as JSON, where a call waits; what is longer keeps the object awake. */
  respKeptCharsMax: 8000,
  /** A message on the socket; longer replies are several. */
  respMessageBytesMax: 512 * KiB,
} as const;
