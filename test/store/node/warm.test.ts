/** The suite of stretches in memory on node:sqlite, in memory. */
import { warmSuite } from "../warm-suite.ts";
import { inMemory } from "./support.ts";

warmSuite(inMemory, 300);
