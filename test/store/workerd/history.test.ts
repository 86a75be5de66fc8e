/** The history suite in a Durable Object. */
import { historySuite } from "../history-suite.ts";
import { inObject } from "./support.ts";

historySuite(inObject);
