/** The suite of deletes in a Durable Object. */
import { deletesSuite } from "../deletes-suite.ts";
import { inObject } from "./support.ts";

deletesSuite(inObject, 15);
