/** The suite of tables that are gone, in a Durable Object. */
import { goneSuite } from "../gone-suite.ts";
import { inObject } from "./support.ts";

goneSuite(inObject);
