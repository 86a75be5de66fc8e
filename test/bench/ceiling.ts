/**
 * How much the load generator can do by itself: hellos, which cost the server next to nothing.
 * Invariant: it is measured before any other figure, so that a generator that is the bottleneck is seen at once.
 */
import type { Bench, Group, Measured } from "./figure.ts";
import { Crew, forMs } from "./load.ts";
import { median } from "./statistics.ts";
import { NOOP_CLIENTS } from "./throughput.ts";
import { noop, type Workload } from "./workloads.ts";

const SLICES = 4;
const SLICE_MS = 500;

const hello: Workload = (client) => ({
  async turn() {
    await client.get("/bench/hello");
    return 1;
  },
});

/** Hellos and no-ops a second, alternating. */
async function ceiling({ server }: Bench): Promise<Measured> {
  const greeters = new Crew(server, NOOP_CLIENTS, hello);
  const idlers = new Crew(server, NOOP_CLIENTS, noop("ceiling"));
  const hellos: number[] = [];
  const noops: number[] = [];
  for (let slice = 0; slice < SLICES; slice += 1) {
    const greeted = await greeters.work(forMs(SLICE_MS));
    const idled = await idlers.work(forMs(SLICE_MS));
    hellos.push(greeted.units / greeted.seconds);
    noops.push(idled.units / idled.seconds);
  }
  await greeters.dismiss();
  await idlers.dismiss();
  const beside = { generator_hellos_per_s: median(hellos), generator_noops_per_s: median(noops) };
  return { value: median(hellos) / median(noops), beside };
}

export const generator: Group = {
  name: "generator",
  figures: [{ name: "generator_vs_noop", unit: "×", seconds: 4, run: ceiling }],
};
