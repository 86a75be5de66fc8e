/** The suite of code that knows more tables, on node:sqlite. */
import { newerTablesSuite } from "../newer-tables-suite.ts";
import { inMemory } from "./support.ts";

newerTablesSuite(inMemory);
