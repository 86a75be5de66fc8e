/** The table suite in a Durable Object. */
import { tableSuite } from "../table-suite.ts";
import { inObject } from "./support.ts";

tableSuite(inObject, 60);
