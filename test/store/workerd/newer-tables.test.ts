/** The suite of code that knows more tables, in a Durable Object. */
import { newerTablesSuite } from "../newer-tables-suite.ts";
import { inObject } from "./support.ts";

newerTablesSuite(inObject);
