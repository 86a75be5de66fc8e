/** The suite of lists of pending rows, on node:sqlite. */
import { pendingListSuite } from "../pending-list-suite.ts";
import { inMemory } from "./support.ts";

pendingListSuite(inMemory);
