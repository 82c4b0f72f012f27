import type { Json } from '../access.ts'
import { additional, type Schema } from '../crd/schema.ts'

/** The schema of a custom resource as OpenAPI 3.0 has it: as it stands in the definition. */
export const customSchemaV3 = (schema: Schema): Json => ({ ...schema })

/**
 * The same as OpenAPI 2.0, which clients check by: what that version cannot say is left out, so that nothing is refused that is right.
 */
export function customSchemaV2(schema: Schema): Json {
  const { nullable, allOf: _a, anyOf: _b, oneOf: _c, not: _d, default: _e, ...kept } = schema
  const { properties, items, additionalProperties: _f, ...plain } = kept
  const others = additional(schema)
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  const loose = nullable === true || open || schema['x-kubernetes-int-or-string'] === true
  if (loose) {
    const { type: _type, ...rest } = plain
    return rest
  }
  return {
    ...plain,
    ...(properties === undefined ? {} : { properties: mapValues(properties, customSchemaV2) }),
    ...(items === undefined ? {} : { items: customSchemaV2(items) }),
    ...(others === undefined ? {} : { additionalProperties: customSchemaV2(others) }),
  }
}

const mapValues = (map: Record<string, Schema>, change: (schema: Schema) => Json): Record<string, Json> =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]))
