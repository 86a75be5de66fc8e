/**
 * The mutants of pending lists: ways in which a checkpoint could leave rows where they are not found, or write too many.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const pendingLists = "test/store/node/pending-list.test.ts";
const heads = "test/store/node/heads.test.ts";
const table = "test/store/node/table.test.ts";
const deletes = "test/store/node/deletes.test.ts";
const warm = "test/store/node/warm.test.ts";

export const listMutants: readonly Mutant[] = [
  {
    name: "deletes-unlike-what-is-there",
    breaks: "a row goes that stands where SQLite has lost one of those that are to go",
    file: "src/store/deletes.ts",
    from: 'return found === run.map((key) => this.#textOf(key)).join(";");',
    to: "return found !== null;",
    tests: [deletes],
  },
  {
    name: "deletes-through-all-between",
    breaks: "rows that are to go and stand far apart have all between them looked at",
    file: "src/store/deletes.ts",
    from: "if (rows !== run.length) return false;",
    to: "",
    tests: [deletes],
  },
  {
    name: "deletes-sought-in-vain",
    breaks: "of rows that are all apart each run is looked at, and each part of it",
    file: "src/store/deletes.ts",
    from: " || this.#scattered > scatteredMax",
    to: "",
    tests: [deletes],
  },
  {
    name: "warm-while-scanned",
    breaks: "a scan misses rows, or shows some twice, when a range is read meanwhile",
    file: "src/store/table.ts",
    from: " || this.#scans > 0",
    to: "",
    tests: [warm],
  },
  {
    name: "deletes-out-of-order",
    breaks: "rows that stand side by side go one by one, since they are not named in their order",
    file: "src/store/base.ts",
    from: "return [...rows].sort(([a], [b]) => this.#compare(a, b));",
    to: "return rows;",
    tests: [deletes],
  },
  {
    name: "deletes-of-too-long-keys",
    breaks: "a checkpoint fails by rows with long keys",
    file: "src/store/deletes.ts",
    from: " || this.#units + units > runUnitsMax",
    to: "",
    tests: [deletes],
  },
  {
    name: "warm-after-undo",
    breaks: "a row that an undo has brought back is missed among those that memory is said to hold",
    file: "src/store/overlay.ts",
    from: "    this.#losses += 1;\n    this.#onRestore();",
    to: "    this.#onRestore();",
    tests: [warm, table],
  },
  {
    name: "warm-after-all-are-let-go",
    breaks:
      "rows that a checkpoint has let go of are missed among those that memory is said to hold",
    file: "src/store/overlay.ts",
    from: "    this.#cells.clear();\n    this.#losses += 1;",
    to: "    this.#cells.clear();",
    tests: [warm, table],
  },
  {
    name: "warm-after-some-are-let-go",
    breaks:
      "rows that a piece of a checkpoint has let go of are missed among those that memory is said to hold",
    file: "src/store/overlay.ts",
    from: "if (!isResident) this.#losses += 1;",
    to: "",
    tests: [warm, table],
  },
  {
    name: "warm-behind-a-head",
    breaks: "a row that memory takes in is passed over where the first of its prefix is asked for",
    file: "src/store/warm-stretches.ts",
    from: "      onLive(key);\n",
    to: "      void onLive;\n",
    tests: [warm, table],
  },
  {
    name: "warm-over-a-gap",
    breaks:
      "two stretches that memory holds are taken for one, and what stands between them is missed",
    file: "src/store/warm-stretches.ts",
    from: "further !== undefined && compare(further.low, held.high) <= 0",
    to: "further !== undefined",
    tests: [warm, table],
  },
  {
    name: "warm-past-its-page",
    breaks: "rows behind a full page are taken to be in memory",
    file: "src/store/warm-stretches.ts",
    from: "last === undefined ? high : after(last)",
    to: "high",
    tests: [warm],
  },
  {
    name: "ranges-in-growing-pages",
    breaks: "a range of which a few rows are gone reads four times as many as it is asked for",
    file: "src/store/table.ts",
    from: "further: (read) => Math.max(read, 16)",
    to: "further: (read) => Math.max(4 * read, 16)",
    tests: [warm],
  },
  {
    name: "pending-list-stale",
    breaks: "rows that were written to their table are still in its list, and show what they were",
    file: "src/store/table-checkpoint.ts",
    from: "pending?.clear();",
    to: "",
    tests: [table],
  },
  {
    name: "pending-texts-lost",
    breaks: "a row in a list has the text of the row before it",
    file: "src/store/pending-list.ts",
    from: "return texts.slice(at - length, at);",
    to: "return texts.slice(0, length);",
    tests: [table],
  },
  {
    name: "pending-texts-unbounded",
    breaks: "rows with long texts are written anew into a list at each checkpoint",
    file: "src/store/table-checkpoint.ts",
    from: "return this.#parts.overlay.textUnits <= limits.pendingTextUnits;",
    to: "return this.#parts.overlay.textUnits >= 0;",
    tests: [pendingLists],
  },
  {
    name: "tombstones-alike",
    breaks: "of several rows that are gone a list tells one",
    file: "src/store/table.ts",
    from: "const tombstone = (): Cell<never> => ({ value: undefined, inBase: true, isDirty: true });",
    to: "const one: Cell<never> = { value: undefined, inBase: true, isDirty: true };\nconst tombstone = () => one;",
    tests: [pendingLists],
  },
  {
    name: "listed-for-ever",
    breaks:
      "a row that a list held, and that came and went without a table, is there again when the object wakes",
    file: "src/store/pending-list.ts",
    from: "if (!next.has(cell) && !isLeft(key)) changes.push([key]);",
    to: "void isLeft(key);",
    tests: [pendingLists],
  },
  {
    name: "listed-and-taken-back",
    breaks: "a row that a list holds and that has changed is lost when the object wakes",
    file: "src/store/pending-list.ts",
    from: "if (!next.has(cell) && !isLeft(key)) changes.push([key]);",
    to: "if (!next.has(cell)) changes.push([key]);",
    tests: [pendingLists],
  },
  {
    name: "lists-never-anew",
    breaks: "a list grows for as long as its rows change",
    file: "src/store/pending-list.ts",
    from: "if (live === 0 || all > 2 * live + staleRowsMin) return undefined;",
    to: "if (live === 0) return undefined;",
    tests: [pendingLists],
  },
  {
    name: "lists-of-long-texts",
    breaks: "a list of a few jobs with long payloads grows to thirty times what they have",
    file: "src/store/pending-list.ts",
    from: " || length > unitsMax) return undefined;",
    to: ") return undefined;",
    tests: [pendingLists],
  },
  {
    name: "written-and-listed",
    breaks: "a row that a piece has written is in the list as it was before when the object wakes",
    file: "src/store/table-checkpoint.ts",
    from: "return cell?.isDirty === true && !some.has(cell);",
    to: "return cell?.isDirty === true;",
    tests: [pendingLists, table],
  },
  {
    name: "living-written-with-the-dead",
    breaks:
      "a checkpoint of a backlog that is drained writes the jobs that are held just then, and the next one deletes them",
    file: "src/store/table-checkpoint.ts",
    from: 'return this.#mayLeaveLive ? first(deadIn(overlay.dirty()), dirtyRows) : "all";',
    to: 'return "all";',
    tests: [pendingLists],
  },
  {
    name: "heads-of-the-dead",
    breaks: "a row that a checkpoint has deleted comes first again",
    file: "src/store/table-checkpoint.ts",
    from: "if (this.#isOfDead) heads.carryLive();",
    to: "if (this.#isOfDead) void heads;",
    tests: [heads],
  },
  {
    name: "heads-past-what-came",
    breaks:
      "a row that came where others had gone is passed over, as a released job between jobs that were claimed",
    file: "src/store/heads.ts",
    from: "if (head.end === undefined || this.#compare(written, head.end) <= 0) return false;",
    to: "if (head.end === undefined || this.#compare(written, head.page.at(-1)?.[0] ?? head.end) <= 0) return false;",
    tests: [table],
  },
  {
    name: "heads-of-before-a-piece",
    breaks: "the first row of a table is one that a piece has written otherwise",
    file: "src/store/table-checkpoint.ts",
    from: "else heads.forget();",
    to: "",
    tests: [table],
  },
  {
    name: "pieces-in-lists",
    breaks: "what an alarm changes stays in lists, until one checkpoint writes thousands of rows",
    file: "src/object/checkpoints.ts",
    from: "if (this.isPieceDue) this.#take(limits.checkpointAlarmRows);",
    to: "if (this.isPieceDue) this.#take();",
    tests: ["test/object/long-alarms.test.ts"],
  },
  {
    name: "pending-rows-unfrozen",
    breaks: "a snapshot is built without the rows that are in lists",
    file: "src/store/snapshots.ts",
    from: " && !machine.isPending;",
    to: ";",
    tests: ["test/conformance/node/conformance.test.ts"],
  },
];
