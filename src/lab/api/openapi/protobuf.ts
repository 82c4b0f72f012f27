import { isMap, type Json } from '../access.ts'
import { bytesField, message, numberField, textField } from '../protobuf.ts'

/**
 * An OpenAPI 2.0 document as protobuf, which kubectl asks for up to 1.32. Field numbers: OpenAPIv2.proto of google/gnostic-models. Numbers and
 * bounds of values are left out: no client reads them.
 */
export function documentProtobuf(document: Json): Buffer {
  const { swagger, info, paths, definitions } = document
  return message(
    textField(1, swagger),
    bytesField(2, message(textField(1, info.title), textField(2, info.version))),
    bytesField(8, message(...named(paths, 2, pathItem))),
    bytesField(9, message(...named(definitions, 1, schema))),
  )
}

/** Entries of a map as messages of name (1) and value (2), each in the field `number`. */
const named = (map: unknown, number: number, encode: (value: Json) => Buffer): Buffer[] =>
  Object.entries(isMap(map) ? map : {}).map(([name, value]) =>
    bytesField(number, message(textField(1, name), bytesField(2, encode(value as Json)))),
  )

const pathItem = ({ patch }: Json): Buffer => message(bytesField(8, operation(patch as Json)))

function operation({ parameters, ...rest }: Json): Buffer {
  const query = (parameter: Json): Buffer =>
    message(
      textField(2, parameter['in']),
      textField(3, parameter['description']),
      textField(4, parameter['name']),
      textField(6, parameter['type']),
    )
  const list: Json[] = parameters
  return message(
    ...list.map((one) =>
      bytesField(8, message(bytesField(1, message(bytesField(2, message(bytesField(3, query(one)))))))),
    ),
    ...extensions(rest, 13),
  )
}

/** `x-…` of an object: NamedAny, the value as YAML, of which JSON is a part. */
const extensions = (object: Json, number: number): Buffer[] =>
  Object.entries(object)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) =>
      bytesField(
        number,
        message(textField(1, name), bytesField(2, message(textField(2, `${JSON.stringify(value)}\n`)))),
      ),
    )

const texts: ReadonlyArray<readonly [string, number]> = [
  ['$ref', 1],
  ['format', 2],
  ['title', 3],
  ['description', 4],
  ['pattern', 13],
]

function schema(given: Json): Buffer {
  const { required = [], type, items, properties, additionalProperties, allOf = [] } = given
  return message(
    ...texts.flatMap(([field, number]) => (typeof given[field] === 'string' ? [textField(number, given[field])] : [])),
    ...(required as string[]).map((field) => textField(19, field)),
    ...(isMap(additionalProperties) ? [bytesField(21, message(bytesField(1, schema(additionalProperties))))] : []),
    ...(additionalProperties === true ? [bytesField(21, numberField(2, 1))] : []),
    ...(typeof type === 'string' ? [bytesField(22, textField(1, type))] : []),
    ...(isMap(items) ? [bytesField(23, message(bytesField(1, schema(items))))] : []),
    ...(allOf as Json[]).map((part) => bytesField(24, schema(part))),
    ...(isMap(properties) ? [bytesField(25, message(...named(properties, 1, schema)))] : []),
    ...extensions(given, 31),
  )
}
