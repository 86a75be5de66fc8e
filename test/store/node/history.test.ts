/** The history suite on node:sqlite. */
import { historySuite } from "../history-suite.ts";
import { inMemory } from "./support.ts";

historySuite(inMemory);
