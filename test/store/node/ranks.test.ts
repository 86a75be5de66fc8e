/** The ranks suite on node:sqlite. */
import { ranksSuite } from "../ranks-suite.ts";
import { inMemory } from "./support.ts";

ranksSuite(inMemory, 200);
