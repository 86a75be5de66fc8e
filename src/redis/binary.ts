/**
 * Binary strings: one character, U+0000 to U+00FF, for each byte.
 * Invariant: what is a text comes in as the bytes of its UTF-8, so that nothing behind the gate has a character beyond U+00FF.
 */
import { Buffer } from "node:buffer";

/** A text as bytes. @example binaryOf("é") // "\u00c3\u00a9" */
export const binaryOf = (text: string): string => Buffer.from(text).toString("latin1");

/** Bytes as a text, in which U+FFFD stands for what is no UTF-8. */
export const textOf = (binary: string): string => Buffer.from(binary, "latin1").toString();
