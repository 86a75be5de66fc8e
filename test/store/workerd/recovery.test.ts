/** The recovery suite in a Durable Object. */
import { recoverySuite } from "../recovery-suite.ts";
import { inObject } from "./support.ts";

recoverySuite(inObject);
