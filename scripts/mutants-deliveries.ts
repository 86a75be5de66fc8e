/**
 * The mutants of pushing.
 * Invariant: each breaks one promise, stated in a sentence, in a snippet that stands once in its file.
 */
import type { Mutant } from "./mutants-table.ts";

const changes = "test/object/delivery-changes.test.ts";
const pushing = "test/object/deliveries.test.ts";
const target = "test/object/target.test.ts";
const gate = "test/http/deliveries.test.ts";

export const deliveryMutants: readonly Mutant[] = [
  {
    name: "push-news-lost",
    breaks:
      "a job that becomes ready while another is posted is not pushed before something else happens",
    file: "src/object/courier.ts",
    from: "    this.#hasNews = true;\n    this.#wake?.();\n    const",
    to: "    this.#hasNews = true;\n    const",
    tests: [pushing],
  },
  {
    name: "push-never-looked-after",
    breaks: "a job that was ready when its object was lost is not pushed before somebody comes",
    file: "src/object/courier.ts",
    from: "return dueAt > view.at ? dueAt : this.#ports.now() + LOOK_AGAIN_MS;",
    to: "return dueAt > view.at ? dueAt : Number.POSITIVE_INFINITY;",
    tests: [pushing],
  },
  {
    name: "push-keeps-awake",
    breaks: "an object whose ready jobs are not for pushing is woken for them for ever",
    file: "src/object/courier.ts",
    from: "this.#isDry = claim !== undefined && jobs.length === 0 && !this.#hasNews;",
    to: "this.#isDry = false;",
    tests: [pushing],
  },
  {
    name: "push-over-concurrency",
    breaks: "more jobs are posted at once than was said",
    file: "src/object/courier.ts",
    from: "Math.max(0, deliveriesAtOnce(view) - this.#underWay)",
    to: "Math.max(0, deliveriesAtOnce(view))",
    tests: [pushing],
  },
  {
    name: "push-outcome-lost",
    breaks: "what a target answered is lost when it cannot be written at once",
    file: "src/object/courier.ts",
    from: "      this.#settlements.unshift(...items);\n",
    to: "",
    tests: [pushing],
  },
  {
    name: "push-spends-jobs",
    breaks: "a target that is gone costs the queue its jobs",
    file: "src/object/target.ts",
    from: "if (probe === undefined && (isKnown || this.#faults < FAULTS_MAX)) return;",
    to: "if (this.#faults > 0) return;",
    tests: [pushing],
  },
  {
    name: "push-pause-unsaid",
    breaks: "a target that failed while too many commands waited is never paused",
    file: "src/object/courier.ts",
    from: "      this.#target.again(finding);\n",
    to: "",
    tests: [target],
  },
  {
    name: "push-blames-another",
    breaks: "faults of one address pause the delivery to another",
    file: "src/object/target.ts",
    from: "    if (this.#url !== url) this.#faults = 0;\n",
    to: "",
    tests: [target],
  },
  {
    name: "push-resumes-itself",
    breaks: "a delivery that somebody paused goes on when the target answers well",
    file: "src/machine/deliveries.ts",
    from: "paused !== undefined && !(isProbed && isOwn)",
    to: "paused !== undefined",
    tests: [changes],
  },
  {
    name: "push-same-id-for-runs",
    breaks: "a job that runs again is taken by its receiver for a repeat",
    file: "src/object/post.ts",
    from: '"webhook-id": id,',
    to: '"webhook-id": job.id,',
    tests: [pushing],
  },
  {
    name: "push-refusal-retried",
    breaks: "a job that the target refuses is tried again without being asked to",
    file: "src/object/post.ts",
    from: "...(isRefused && !retryRefused && { retryable: false }),",
    to: "",
    tests: [pushing],
  },
  {
    name: "push-into-the-network",
    breaks: "jobs may be pushed to private addresses",
    file: "src/contract/deliveries.ts",
    from: 'return range === "unicast" ? undefined',
    to: 'return range !== "loopback" ? undefined',
    tests: [gate],
  },
];
