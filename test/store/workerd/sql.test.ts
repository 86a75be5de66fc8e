/** The sql suite in a Durable Object. */
import { sqlSuite } from "../sql-suite.ts";
import { inObject } from "./support.ts";

sqlSuite(inObject);
