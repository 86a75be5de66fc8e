/**
 * What SQLite alone takes for what a figure asks of a queue: rows that are read and written where they stand, and nothing besides.
 * Invariant: it does no more than a queue must that has such rows, and as much at once as a checkpoint of Sluice.
 */
import { limits } from "../../../src/contract/limits.ts";

/** Rows that a query asks for, as many as a claim; and that a statement changes. */
const READ = 100;
const WRITTEN = 2_000;
const VALUE = JSON.stringify({ payload: "x".repeat(185) });
const SCORES = 1_000_000_000;
/** Numbers from 0 on, in SQL. */
const numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)";

/** So many at a time, in their order. */
function* piecesOf<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

/** Does work in one transaction. Resolves with the milliseconds until it was stored. */
async function timed(storage: DurableObjectStorage, work: () => void): Promise<number> {
  // A Worker's clock stands still but while it waits.
  await scheduler.wait(1);
  const startedAt = Date.now();
  storage.transactionSync(work);
  await storage.sync();
  await scheduler.wait(0);
  return Date.now() - startedAt;
}

/** Reads all rows of a query. */
const read = (sql: SqlStorage, query: string, ...bindings: SqlStorageValue[]) => [
  ...sql.exec(query, ...bindings).raw(),
];

/** Where a job stands in its lane; lanes have turns. */
type Place = readonly [lane: number, seq: number];
const idOf = ([, seq]: Place): string => `01K${String(seq).padStart(23, "0")}`;
const byPlace = (a: Place, b: Place): number => a[0] - b[0] || a[1] - b[1];

/** All places in the order in which fair turns come to them. */
function inTurns(places: readonly Place[]): Place[] {
  const turns = new Map<number, number>();
  const numbered = places.map((place) => {
    const turn = turns.get(place[0]) ?? 0;
    turns.set(place[0], turn + 1);
    return { turn, place };
  });
  return numbered
    .sort((a, b) => a.turn - b.turn || byPlace(a.place, b.place))
    .map(({ place }) => place);
}

/** Jobs of so many keys; with one, they are claimed in the order in which they came. */
export interface ClaimsFloor {
  readonly jobs: number;
  readonly keys: number;
}

/**
 * Microseconds in which a job is read, and deleted together with its place in its lane, where all are claimed in fair turns of their keys. Of
 * keys nothing is kept, and the places of a lane are read once.
 */
export async function claimsFloor(
  storage: DurableObjectStorage,
  { jobs, keys }: ClaimsFloor,
): Promise<number> {
  const { sql } = storage;
  for (const table of ["floor_jobs", "floor_lanes"]) sql.exec(`DROP TABLE IF EXISTS ${table}`);
  sql.exec(`CREATE TABLE floor_jobs (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`);
  sql.exec(
    "CREATE TABLE floor_lanes (lane INTEGER, seq INTEGER, id TEXT NOT NULL, PRIMARY KEY (lane, seq)) WITHOUT ROWID",
  );
  const places = Array.from(
    { length: jobs },
    (_, seq): Place => [Math.floor(Math.random() * keys), seq],
  );
  await timed(storage, () => {
    for (const some of piecesOf(places, WRITTEN)) {
      const rows = JSON.stringify(some.map((place) => [...place, idOf(place)]));
      sql.exec(
        "INSERT INTO floor_jobs SELECT value ->> 2, ? FROM json_each(?) ORDER BY 1",
        VALUE,
        rows,
      );
      sql.exec(
        "INSERT INTO floor_lanes SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) ORDER BY 1, 2",
        rows,
      );
    }
  });
  const access = keys > 1 ? spread(sql) : together(sql);
  let ms = 0;
  for (const claimed of piecesOf(inTurns(places), limits.checkpointDirtyRows)) {
    ms += await timed(storage, () => {
      for (const some of piecesOf(claimed, READ)) access.read(some);
    });
    ms += await timed(storage, () => access.delete(claimed));
  }
  return (ms * 1000) / jobs;
}

/** How jobs and their places are read and deleted. */
interface Access {
  read(places: readonly Place[]): void;
  delete(places: readonly Place[]): void;
}

/** Those that stand anywhere: each is looked up. */
function spread(sql: SqlStorage): Access {
  const seen = new Set<number>();
  const listed = "IN (SELECT value FROM json_each(?))";
  return {
    read(places) {
      const fresh = places.map(([lane]) => lane).filter((lane) => !seen.has(lane));
      for (const lane of fresh) seen.add(lane);
      if (fresh.length > 0) {
        read(sql, `SELECT * FROM floor_lanes WHERE lane ${listed}`, JSON.stringify(fresh));
      }
      const ids = JSON.stringify(places.map(idOf));
      read(sql, `SELECT * FROM floor_jobs WHERE id ${listed}`, ids);
    },
    delete(places) {
      for (const some of piecesOf(places.map(idOf).sort(), WRITTEN)) {
        sql.exec(`DELETE FROM floor_jobs WHERE id ${listed}`, JSON.stringify(some));
      }
      for (const some of piecesOf(places.toSorted(byPlace), WRITTEN)) {
        sql.exec(
          "DELETE FROM floor_lanes WHERE (lane, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
          JSON.stringify(some),
        );
      }
    },
  };
}

/** Those of one lane, which stand one behind the other. */
function together(sql: SqlStorage): Access {
  const ends = (places: readonly Place[]) => [places[0], places.at(-1)] as [Place, Place];
  return {
    read(places) {
      const [first, last] = ends(places);
      read(
        sql,
        "SELECT * FROM floor_lanes WHERE lane = 0 AND seq BETWEEN ? AND ?",
        first[1],
        last[1],
      );
      read(sql, "SELECT * FROM floor_jobs WHERE id BETWEEN ? AND ?", idOf(first), idOf(last));
    },
    delete(places) {
      const [first, last] = ends(places);
      sql.exec("DELETE FROM floor_lanes WHERE lane = 0 AND seq BETWEEN ? AND ?", first[1], last[1]);
      sql.exec("DELETE FROM floor_jobs WHERE id BETWEEN ? AND ?", idOf(first), idOf(last));
    },
  };
}

/** So many members of a sorted set get other scores, as often as it says. */
export interface MembersFloor {
  readonly members: number;
  readonly rounds: number;
}

/** Rows that a member changes that gets another score: its own, and its place by score, where one goes and one comes. */
const ROWS_OF_CHANGE = 3;

/** Microseconds in which any member's score is read and set, with its place by score: as many to a transaction as to a checkpoint. */
export async function membersFloor(
  storage: DurableObjectStorage,
  { members, rounds }: MembersFloor,
): Promise<number> {
  const { sql } = storage;
  for (const table of ["floor_members", "floor_scores"]) sql.exec(`DROP TABLE IF EXISTS ${table}`);
  sql.exec(
    "CREATE TABLE floor_members (member TEXT PRIMARY KEY, score INTEGER NOT NULL) WITHOUT ROWID",
  );
  sql.exec(
    "CREATE TABLE floor_scores (score INTEGER, member TEXT, PRIMARY KEY (score, member)) WITHOUT ROWID",
  );
  await timed(storage, () => {
    sql.exec(
      `${numbers} INSERT INTO floor_members SELECT printf('member:%08d', i), abs(random() % ${SCORES}) FROM n`,
      members,
    );
    sql.exec("INSERT INTO floor_scores SELECT score, member FROM floor_members ORDER BY 1, 2");
  });
  const calls = Math.floor(limits.checkpointDirtyRows / ROWS_OF_CHANGE / READ);
  const any = (): string =>
    `member:${String(Math.floor(Math.random() * members)).padStart(8, "0")}`;
  let ms = 0;
  for (let round = 0; round < rounds; round += 1) {
    const before = new Map<string, number>();
    const after = new Map<string, number>();
    ms += await timed(storage, () => {
      for (let call = 0; call < calls; call += 1) {
        const asked = Array.from({ length: READ }, any);
        for (const [member, score] of scoresOf(sql, asked)) {
          if (!before.has(member)) before.set(member, score);
        }
        for (const member of asked) after.set(member, Math.floor(Math.random() * SCORES));
      }
    });
    ms += await timed(storage, () => changeScores(sql, before, after));
  }
  return (ms * 1000) / (rounds * calls * READ);
}

function scoresOf(sql: SqlStorage, members: readonly string[]) {
  const asked = "SELECT * FROM floor_members WHERE member IN (SELECT value FROM json_each(?))";
  return read(sql, asked, JSON.stringify(members)) as [member: string, score: number][];
}

/** Writes each table in the order of its keys: neighbours share a page. */
function changeScores(
  sql: SqlStorage,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): void {
  const pairs = "SELECT value ->> 1, value ->> 0 FROM json_each(?)";
  const run = (statement: string, scores: ReadonlyMap<string, number>, by: 0 | 1): void => {
    const inOrder = [...scores].sort((a, b) => (a[by] < b[by] ? -1 : 1));
    for (const some of piecesOf(inOrder, WRITTEN)) sql.exec(statement, JSON.stringify(some));
  };
  run("REPLACE INTO floor_members SELECT value ->> 0, value ->> 1 FROM json_each(?)", after, 0);
  run(`DELETE FROM floor_scores WHERE (score, member) IN (${pairs})`, before, 1);
  run(`INSERT INTO floor_scores ${pairs}`, after, 1);
}
