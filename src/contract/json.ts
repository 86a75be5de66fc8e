/**
 * JSON texts that stand inside other JSON texts without being parsed or encoded again.
 * Invariant: a payload, result or progress leaves Sluice byte for byte as it came.
 */

/** The original text of a JSON value, valid because a gate parsed it. */
export type JsonText = string;

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Encodes an object and puts raw JSON texts behind its own fields; an undefined text is left out.
 * @example encodeWithTexts({ id: "a" }, { payload: "12345678901234567890" })
 */
export function encodeWithTexts(
  fields: object,
  texts: Readonly<Record<string, JsonText | undefined>>,
): JsonText {
  const head = JSON.stringify(fields).slice(0, -1);
  let tail = "";
  for (const name in texts) {
    const text = texts[name];
    if (text !== undefined) tail += `,"${name}":${text}`;
  }
  return head === "{" ? `{${tail.slice(1)}}` : `${head}${tail}}`;
}
