/** The suite of first rows on node:sqlite, in memory. */
import { headsSuite } from "../heads-suite.ts";
import { inMemory } from "./support.ts";

headsSuite(inMemory);
