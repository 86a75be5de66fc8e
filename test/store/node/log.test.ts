/** The log suite on node:sqlite. */
import { logSuite } from "../log-suite.ts";
import { inMemory } from "./support.ts";

logSuite(inMemory);
