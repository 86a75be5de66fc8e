/** The suite of lists of pending rows, in a Durable Object. */
import { pendingListSuite } from "../pending-list-suite.ts";
import { inObject } from "./support.ts";

pendingListSuite(inObject);
