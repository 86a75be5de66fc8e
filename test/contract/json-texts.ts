/**
 * Generators of JSON texts as people write them: spaces anywhere, escapes anywhere, names twice.
 * Invariant: a generated tree knows the text of each of its values.
 */
import fc from "fast-check";

export type Tree =
  | { readonly kind: "leaf"; readonly text: string }
  | { readonly kind: "array"; readonly items: readonly Tree[]; readonly space: string }
  | {
      readonly kind: "object";
      readonly members: readonly (readonly [name: string, escaped: boolean, value: Tree])[];
      readonly space: string;
    };

const space = fc.constantFrom("", " ", "\n\t", "  \r\n");

/** A string as JSON, plainly or with every unit escaped. */
export const quote = (text: string, escaped: boolean): string =>
  escaped
    ? `"${text
        .split("")
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join("")}"`
    : JSON.stringify(text);

const leaf = fc
  .oneof(
    fc.constantFrom("null", "true", "false", "0", "-1", "1.50", "12345678901234567890", "-0.5e+3"),
    fc.tuple(fc.string({ unit: "grapheme" }), fc.boolean()).map(([text, all]) => quote(text, all)),
    fc.constantFrom('"]}"', '"\\\\"', '"a\\"b,"', '"\\\\\\"{["'),
  )
  .map((text): Tree => ({ kind: "leaf", text }));

/** Any JSON text; the members of objects are often named as given. */
export function trees(...names: readonly string[]): fc.Arbitrary<Tree> {
  const name = fc.oneof(fc.constantFrom(...names), fc.string({ unit: "grapheme", maxLength: 3 }));
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.array(tie("tree"), { maxLength: 4 }), space)
        .map(([items, between]): Tree => ({ kind: "array", items, space: between })),
      objects(name, tie("tree")),
    ),
  }));
  return tree;
}

/** Objects with members of these names and values. */
export function objects(
  name: fc.Arbitrary<string>,
  value: fc.Arbitrary<Tree>,
): fc.Arbitrary<Extract<Tree, { kind: "object" }>> {
  return fc
    .tuple(fc.array(fc.tuple(name, fc.boolean(), value), { maxLength: 4 }), space)
    .map(([members, between]) => ({ kind: "object", members, space: between }));
}

/** The JSON text of a tree. */
export function textOf(tree: Tree): string {
  if (tree.kind === "leaf") return tree.text;
  const { space: s } = tree;
  if (tree.kind === "array") return `[${s}${tree.items.map(textOf).join(`${s},${s}`)}${s}]`;
  const members = tree.members.map(
    ([name, escaped, value]) => `${quote(name, escaped)}${s}:${s}${textOf(value)}`,
  );
  return `{${s}${members.join(`${s},${s}`)}${s}}`;
}
