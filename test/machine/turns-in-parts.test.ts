/**
 * All that is said of turns, where a claim looks up those of a round in parts, as it does where there are many keys.
 */
import { changing } from "../simulation/small.ts";

Object.assign(changing, { turnsAheadMin: 1, turnsAheadMax: 2 });
await import("./claims-alike.test.ts");
await import("./set-turns.test.ts");
await import("./turns.test.ts");
await import("./turns-properties.test.ts");
