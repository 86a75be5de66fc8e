/**
 * How the inputs of flow keys are put together from requests.
 * Invariant: a key that comes out is the one that the address encodes, whatever characters it has.
 */

import { accept, type Checked, isRejected, reject } from "../contract/checked.ts";
import { flowKey } from "../contract/fields.ts";
import { keyPut } from "../contract/keys.ts";
import { refuse } from "../contract/refusals.ts";
import { body, type Incoming, type InputReader } from "./inputs.ts";

const malformed = refuse("input_invalid", "The key in the address is not percent-encoded UTF-8.");

/**
 * The key in the address. Read from the address as it came: the router leaves what it cannot decode as it is, which would be
 * another key.
 */
export function key({ request }: Incoming): Checked<{ readonly input: { readonly key: string } }> {
  const { pathname } = new URL(request.url);
  let name: string;
  try {
    name = decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return reject(malformed);
  }
  const checked = flowKey.safeParse(name);
  if (checked.success) return accept({ input: { key: name } });
  const [issue] = checked.error.issues;
  return reject(refuse("input_invalid", `The key in the address: ${issue?.message}.`));
}

/** A change of the key in the address. */
export const putKey: InputReader<"key.put"> = (incoming) => {
  const named = key(incoming);
  if (isRejected(named)) return named;
  const said = body(keyPut)(incoming);
  if (isRejected(said)) return said;
  return accept({ input: { ...said.value.input, ...named.value.input } });
};
