/** The entry suite in a Durable Object. */
import { entrySuite } from "../entry-suite.ts";
import { inObject } from "./support.ts";

entrySuite(inObject);
