/** The suite of the storage as it is, on node:sqlite. */
import { rawSuite } from "../raw-suite.ts";
import { inMemory } from "./support.ts";

rawSuite(inMemory);
