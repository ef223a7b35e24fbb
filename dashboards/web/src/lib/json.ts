// JSON that strangers wrote: whole, cut short, or not JSON at all.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export interface Reading {
  /** The value, or the text itself where it is not JSON. */
  value: Json;
  /** Whether `value` was read as JSON. */
  isJson: boolean;
  /** Whether it began like JSON and then did not hold: cut short, most often. */
  broken: boolean;
}

/** What a text holds. Only objects and arrays count as JSON: "42" stays the text it is. */
export function readJson(text: string): Reading {
  const head = /^\s*[[{]/.test(text);
  if (!head) return { value: text, isJson: false, broken: false };
  try {
    return { value: JSON.parse(text) as Json, isJson: true, broken: false };
  } catch {
    // Prose may begin with a bracket, too: "[1] The returns policy". JSON goes on in few ways.
    const broken = /^\s*(?:\{\s*["}]|\[\s*[[{"\]\-\dtfn])/.test(text) && !/^\s*\[[^\]"{}]*\]\s/.test(text);
    return { value: text, isJson: false, broken };
  }
}

/** Reads a value that may be JSON inside of a JSON text. */
export function readNested(value: Json): Json {
  if (typeof value !== "string") return value;
  const reading = readJson(value);
  return reading.isJson ? reading.value : value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as text: texts as they are, others as indented JSON. */
export function textOf(value: Json | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value, null, 2);
  } catch {
    // Nested deeper than the engine can follow.
    return "(nested too deeply to be written out)";
  }
}

/** The text at a key, or empty. */
export function textAt(object: JsonObject, ...keys: string[]): string {
  for (const key of keys) {
    const value = object[key];
    if (typeof value === "string") return value;
  }
  return "";
}
