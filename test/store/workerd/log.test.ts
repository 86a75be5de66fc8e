/** The log suite in a Durable Object. */
import { logSuite } from "../log-suite.ts";
import { inObject } from "./support.ts";

logSuite(inObject);
