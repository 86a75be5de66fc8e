/** The recovery suite on node:sqlite. */
import { recoverySuite } from "../recovery-suite.ts";
import { inMemory } from "./support.ts";

recoverySuite(inMemory);
