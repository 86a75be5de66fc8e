/** The suite of finding rows of a snapshot, on node:sqlite. */
import { lookupSuite } from "../lookup-suite.ts";
import { inMemory } from "./support.ts";

lookupSuite(inMemory);
