/** The suite of deletes on node:sqlite, in memory. */
import { deletesSuite } from "../deletes-suite.ts";
import { inMemory } from "./support.ts";

deletesSuite(inMemory, 100);
