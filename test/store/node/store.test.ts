/** The store suite on node:sqlite. */
import { storeSuite } from "../store-suite.ts";
import { inMemory } from "./support.ts";

storeSuite(inMemory, 300);
