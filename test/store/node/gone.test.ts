/** The suite of tables that are gone, on node:sqlite. */
import { goneSuite } from "../gone-suite.ts";
import { inMemory } from "./support.ts";

goneSuite(inMemory);
