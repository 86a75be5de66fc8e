/** The entry suite on node:sqlite. */
import { entrySuite } from "../entry-suite.ts";
import { inMemory } from "./support.ts";

entrySuite(inMemory);
