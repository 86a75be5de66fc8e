/**
 * What should be told of the last minute: events by the second in which their entry was made.
 * Invariant: only what this instance saw counts; of two seconds a minute apart the later one is remembered.
 */
const counted: Record<string, Rate> = {
  "job.enqueued": "enqueued",
  "job.claimed": "claimed",
  "job.completed": "completed",
  "job.failed": "failed",
  "job.lease_expired": "failed",
};
type Rate = "enqueued" | "claimed" | "completed" | "failed";

export class RateCounter {
  #seen: { readonly second: number; readonly rates: readonly Rate[] }[] = [];

  count(events: readonly string[], at: number): void {
    const second = Math.floor(at / 1000);
    const isForgotten = (other: number) => other !== second && (other - second) % 60 === 0;
    this.#seen = this.#seen.filter((each) => !isForgotten(each.second));
    const rates = events.flatMap((event) => counted[event] ?? []);
    this.#seen.push({ second, rates });
  }

  lastMinute(at: number): Record<Rate, number> {
    const sum = { enqueued: 0, claimed: 0, completed: 0, failed: 0 };
    for (const { second, rates } of this.#seen) {
      if (second <= Math.floor(at / 1000) - 60) continue;
      for (const rate of rates) sum[rate] += 1;
    }
    return sum;
  }
}
