/** The snapshot suite on node:sqlite. */
import { snapshotSuite } from "../snapshot-suite.ts";
import { inMemory } from "./support.ts";

snapshotSuite(inMemory);
